import type { RoleUnderTest } from './role.ts';

/**
 * Turns a booted instance of this machine's kind into one that lives on rpm: Debian's own dnf 4, zypper and rpm, installed by
 * apt from this machine's archive, a repository of tiny packages in a directory, and a database of its own. What it is not: a
 * Fedora or a SUSE. dnf 5, signatures of packages, modules, vendor changes and subscriptions are not here.
 */
export async function becomeRpmMachine(role: RoleUnderTest): Promise<void> {
  const tools = 'dnf rpm zypper createrepo-c';
  const quick = '-o Dpkg::Options::=--force-unsafe-io -o Dpkg::Options::=--no-triggers -o Dpkg::Use-Pty=0';
  await must(role, `apt-get -qq update`);
  await must(role, `DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends ${quick} ${tools}`);
  await role.machine.plant('/opt/rpm-world.sh', WORLD, 0o755);
  await must(role, '/opt/rpm-world.sh');
}

/** What the machine says it is, and so whose manager counts: the agent that is there chose already, and is started anew. */
export async function becomeFamily(role: RoleUnderTest, release: string): Promise<void> {
  await role.machine.plant('/etc/os-release', release, 0o644);
  await role.killAgent();
  await role.startAgent();
}

/** One more package in the repository. */
export interface TinyPackage {
  readonly name: string;
  readonly version: string;
  readonly release?: string;
  readonly epoch?: number;
  /** Lines of the preamble: Requires, Provides. */
  readonly preamble?: string;
  /** Shell, run after it was installed. */
  readonly post?: string;
}

export async function buildPackages(role: RoleUnderTest, packages: readonly TinyPackage[]): Promise<void> {
  for (const one of packages)
    await role.machine.plant(`/srv/specs/${one.name}-${one.version}.spec`, specOf(one), 0o644);
  const specs = packages.map(({ name, version }) => `/srv/specs/${name}-${version}.spec`).join(' ');
  await must(role, `HOME=/tmp rpmbuild --quiet -bb ${specs} && createrepo_c -q /srv/repo`);
}

function specOf({ name, version, release = '1', epoch, preamble = '', post }: TinyPackage): string {
  return `Name: ${name}
Version: ${version}
Release: ${release}
${epoch === undefined ? '' : `Epoch: ${epoch}`}
Summary: tiny
License: MIT
BuildArch: noarch
${preamble}
%description
tiny
%install
mkdir -p %{buildroot}/usr/share/${name}
echo ${version} > %{buildroot}/usr/share/${name}/${version}
${post === undefined ? '' : `%post\n${post}`}
%files
/usr/share/${name}/${version}
`;
}

async function must(role: RoleUnderTest, line: string): Promise<void> {
  const result = await role.exec(line, 300_000);
  if (result.code !== 0) throw new Error(`${line} ended with ${result.code}:\n${result.output}`);
}

/** Debian's rpm keeps a database in each home, and says at each change that it should not be used. */
const WORLD = `#!/bin/sh
set -eu
mkdir -p /etc/rpm /srv/repo /srv/specs /etc/yum.repos.d /etc/zypp/repos.d
cat > /etc/rpm/macros <<'END'
%_dbpath /var/lib/rpm
%_rpmdir /srv/repo
%_build_name_fmt %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm
END
cat > /etc/yum.repos.d/tiny.repo <<'END'
[tiny]
name=tiny
baseurl=file:///srv/repo
enabled=1
gpgcheck=0
metadata_expire=1h
END
cp /etc/yum.repos.d/tiny.repo /etc/zypp/repos.d/
rpm --initdb
cat > /srv/specs/base.spec <<'END'
Name: base
Version: 1
Release: 1
Summary: what the packages of a whole system would provide
License: MIT
BuildArch: noarch
Provides: /bin/sh
%description
base
%files
END
HOME=/tmp rpmbuild --quiet -bb /srv/specs/base.spec
rpm -i /srv/repo/base-1-1.noarch.rpm
mv /var/lib/dpkg/status /var/lib/dpkg/status.aside
`;
