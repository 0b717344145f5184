import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sha256 } from '../../src/lib/digest.ts';
import { end, SECRETS, s3Error } from '../support/launch-wire.ts';
import { command, describeWith, root } from '../support/needs.ts';
import { prepareRuntimeLaunch, type RuntimeLaunch } from '../support/runtime-launch.ts';
import { startTlsFront } from '../support/tls-front.ts';
import { systemProgram } from '../support/toolbox.ts';
import { say, startWire } from '../support/wire.ts';

/** One program that can ask, and no other; `busybox` stands for the small ones of its own. */
const WAYS = ['curl', 'python3', 'wget', 'bash', 'nc=busybox', 'wget=busybox nc=busybox'];
const NEEDS = ['curl', 'python3', 'wget', 'bash', 'busybox', 'openssl'].map((name) => command(name, name));
let launch: RuntimeLaunch;
beforeEach(async () => {
  launch = await prepareRuntimeLaunch();
});
afterEach(() => launch.remove());

describeWith(NEEDS, 'a machine without a Node', () => {
  describe.each(WAYS)('that has %s', (way) => {
    test('has the runtime out of a private bucket, signed, verified, in its place', async () => {
      const { code, stdout, stderr, path } = await launch.boot(way);
      expect({ code, stdout }).toEqual({ code: 0, stdout: `took ${path}\n` });
      expect(stderr).toMatch(/^haulout: runtime [0-9a-f]{12}: fetching\n$/);
      expect(launch.wire.count(/^PUT \/latest\/api\/token$/)).toBe(1);
      expect(readdirSync(launch.place)).toEqual(['bin']);
      expect(statSync(join(launch.place, 'bin/node')).mode & 0o777).toBe(0o755);
      leavesNothing();
    });

    test('and out of a public one', async () => {
      launch.wire.publicRead = true;
      launch.settings = { ...launch.settings, anonymous: true };
      const { code, stdout, path } = await launch.boot(way);
      expect({ code, stdout }).toEqual({ code: 0, stdout: `took ${path}\n` });
      expect(launch.wire.count(/latest/)).toBe(0);
    });
  });

  test('the wget of BusyBox, which shows headers to everybody, is not given any', async () => {
    launch.wire.publicRead = true;
    launch.settings = { ...launch.settings, anonymous: true };
    expect(await launch.boot('wget=busybox')).toMatchObject({ code: 0 });
    await launch.forget();
    launch.settings = { ...launch.settings, anonymous: false };
    const limit = { shell: ['/usr/bin/timeout', '3', '/bin/sh'] };
    const { stderr } = await launch.boot('wget=busybox', limit);
    expect(stderr).toContain('metadata: api/token: it answers nothing (asked by wget)');
    expect(launch.wire.count(/latest/)).toBe(0);
  });

  test.each([['/bin/bash'], ['/bin/bash --posix'], ['/bin/busybox sh']])('under %s too', async (shell) => {
    expect(await launch.boot('curl', { shell: shell.split(' ') })).toMatchObject({ code: 0 });
  });

  test('asks nothing the second time', async () => {
    await launch.boot('curl');
    launch.wire.requests.length = 0;
    const { stdout, path } = await launch.boot('');
    expect(stdout).toBe(`took ${path}\n`);
    expect(launch.wire.requests).toEqual([]);
  });

  test('shows no secret in the arguments of any program', async () => {
    const spy = join(launch.directory, 'curl');
    const log = join(launch.directory, 'arguments');
    await writeFile(spy, `#!/bin/sh\nprintf '%s\\n' "$*" >>${log}\nexec ${systemProgram('curl')} "$@"\n`);
    await chmod(spy, 0o755);
    expect(await launch.boot(`curl=${spy}`)).toMatchObject({ code: 0 });
    const seen = readFileSync(log, 'utf8');
    expect(seen).toContain('api/token');
    for (const secret of [...SECRETS, 'AWS4-HMAC-SHA256']) expect(seen).not.toContain(secret);
  });

  test('takes the settings of the script and not those of the environment', async () => {
    const env = { HAULOUT_REGION: 'elsewhere-1', HAULOUT_ENDPOINT: 'http://127.0.0.1:1', HAULOUT_STATE: 's3://other' };
    expect(await launch.boot('curl', { env: { ...env, http_proxy: 'http://127.0.0.1:1' } })).toMatchObject({ code: 0 });
  });

  test.each(['curl', 'python3', 'wget'])('asks no proxy, whoever names one: %s', async (way) => {
    const proxy = await startWire((response) => say(response, 200, 'of the proxy'));
    const names = ['http_proxy', 'HTTP_PROXY', 'all_proxy', 'ALL_PROXY'];
    const SYSTEM_WGETRC = join(launch.directory, 'wgetrc');
    await writeFile(SYSTEM_WGETRC, `use_proxy = on\nhttp_proxy = ${proxy.url}\n`);
    const env = { SYSTEM_WGETRC, ...Object.fromEntries(names.map((name) => [name, proxy.url])) };
    await launch.boot(way, { env, shell: ['/usr/bin/timeout', '10', '/bin/sh'] });
    expect(proxy.asked).toEqual([]);
    expect(existsSync(launch.place)).toBe(true);
  });

  test('signs with the clock of the server when its own is hours off', async () => {
    launch.wire.offsetMs = -5 * 3_600_000;
    expect(await launch.boot('curl')).toMatchObject({ code: 0, stderr: expect.stringContaining('it answers 403') });
  });

  test('finds a prefix with odd characters in it', async () => {
    const key = launch.object.replace('.haulout', 'a (b)+c&d~e');
    launch.wire.objects.set(key, launch.wire.objects.get(launch.object)!);
    launch.settings = { ...launch.settings, state: { bucket: 'planet-bucket', prefix: 'a (b)+c&d~e' } };
    for (const way of ['curl', 'python3', 'wget']) {
      expect(await launch.boot(way), way).toMatchObject({ code: 0 });
      await launch.forget();
    }
  });

  test.each([404, 405, 501])('a service without a token endpoint (%i) is asked without', async (status) => {
    launch.wire.tokens = 'unknown';
    launch.wire.before = (request, response) => {
      if (request.method === 'PUT') end(response, status, '');
      return request.method === 'PUT';
    };
    expect(await launch.boot('curl')).toMatchObject({ code: 0 });
  });

  test.each([401, 403])('a refused token (%i) is the end, and no plain request is made', async (status) => {
    launch.wire.before = (request, response) => {
      if (request.method === 'PUT') end(response, status, '');
      return request.method === 'PUT';
    };
    const { code, stderr } = await launch.boot('curl');
    expect(code).toBe(69);
    expect(stderr).toContain(`metadata: api/token: refused (${status}); no weaker way is tried`);
    expect(launch.wire.requests).toEqual(['PUT /latest/api/token']);
  });

  test('a token that came cut is known to nobody: another is asked for, and never none', async () => {
    let times = 0;
    launch.wire.before = (request, response) => {
      const cut = request.method === 'PUT' && ++times === 1;
      if (cut) end(response, 200, 'AQAE');
      return cut;
    };
    const { code, stderr } = await launch.boot('curl');
    expect(code).toBe(0);
    expect(stderr).toMatch(/metadata: \S+: it answers 401; trying again/);
    expect(launch.wire.count(/^PUT \/latest\/api\/token/)).toBe(2);
  });

  test('"System is still starting up" is no answer, whatever its status', async () => {
    let times = 0;
    launch.wire.before = (_request, response, url) => {
      if (!url.pathname.startsWith('/latest') || ++times > 2) return false;
      end(response, 200, 'System is still starting up');
      return true;
    };
    const { code, stderr } = await launch.boot('curl');
    expect(code).toBe(0);
    expect(stderr).toContain('metadata: api/token: not the answer to what was asked; trying again');
  });

  test('says which account must own the bucket, signed or not, and never in a way that cannot say it', async () => {
    const OWNER = '123456789012';
    launch.settings = { ...launch.settings, owner: OWNER };
    launch.wire.publicRead = true;
    launch.wire.before = (request, response, url) => {
      const stranger = url.pathname.startsWith('/s3/') && request.headers['x-amz-expected-bucket-owner'] !== OWNER;
      if (stranger) s3Error(response, 400, 'TheOwnerIsNotNamed');
      return stranger;
    };
    expect(await launch.boot('curl', { env: { HAULOUT_OWNER: '210987654321' } })).toMatchObject({ code: 0 });
    await launch.forget();
    launch.settings = { ...launch.settings, anonymous: true };
    expect(await launch.boot('curl')).toMatchObject({ code: 0 });
    await launch.forget();
    launch.wire.requests.length = 0;
    await launch.boot('wget=busybox', { shell: ['/usr/bin/timeout', '2', '/bin/sh'] });
    expect(launch.wire.requests).toEqual([]);
  });

  test('no role: the bucket is read without signing', async () => {
    launch.wire.publicRead = true;
    launch.wire.categories.delete('meta-data/iam/security-credentials/');
    expect(await launch.boot('curl')).toMatchObject({ code: 0 });
  });
});

describeWith(NEEDS, 'what is not run', () => {
  test('bytes that are not what the pin says: not unpacked, not kept, and asked for again for half a minute', async () => {
    launch.wire.objects.set(launch.object, gzipSync(`#!/bin/sh\ntouch ${launch.root}/ran\n`));
    const started = performance.now();
    const { code, stdout, stderr } = await launch.boot('curl');
    expect({ code, stdout }).toEqual({ code: 69, stdout: '' });
    expect(stderr).toContain('bytes whose sha256 is not the pin. altered, not run. Run haulout userdata again');
    expect(launch.wire.count(/runtime/)).toBeGreaterThanOrEqual(3);
    expect(performance.now() - started).toBeGreaterThanOrEqual(29_000); // its clock counts whole seconds
    expect(existsSync(join(launch.root, 'ran'))).toBe(false);
    leavesNothing();
  }, 90_000);

  test('bytes that are altered on their way are asked for again', async () => {
    let times = 0;
    launch.wire.before = (_request, response, url) => {
      const altered = url.pathname.includes('/runtime/') && ++times <= 4;
      if (altered) end(response, 200, 'a page of a proxy');
      return altered;
    };
    expect(await launch.boot('curl')).toMatchObject({ code: 0 });
    expect(times).toBe(5);
  }, 60_000);

  test.each(WAYS)('a body that breaks off is no altered one: %s', async (way) => {
    launch.wire.before = (_request, response, url) => {
      if (!url.pathname.includes('/runtime/')) return false;
      response.writeHead(200, { 'content-length': 100 });
      response.write('a'.repeat(40), () => response.destroy());
      return true;
    };
    const { stderr } = await launch.boot(way, { shell: ['/usr/bin/timeout', '2', '/bin/sh'] });
    expect(stderr).toMatch(/runtime: http\S+: it answers 200 \(40 of 100 bytes came\).*; trying again/);
    expect(stderr).not.toContain('sha256');
  });

  test('a runtime that is not in the bucket: says which, and what to do', async () => {
    launch.wire.objects.clear();
    const { code, stderr } = await launch.boot('curl');
    expect(code).toBe(69);
    expect(stderr).toMatch(
      /runtime: http\S+\/runtime\/[0-9a-f]{64}: it answers 404\. run haulout runtime add --arch \w+/,
    );
  });

  test('a runtime made for another kind of machine: says what it said', async () => {
    const foreign = gzipSync('#!/bin/no-such-loader\n');
    await launch.remove();
    launch = await prepareRuntimeLaunch(foreign, sha256(foreign));
    const { code, stderr } = await launch.boot('curl');
    expect(code).toBe(69);
    expect(stderr).toMatch(/runtime: [0-9a-f]{64}: does not run here: .*not found/);
    expect(existsSync(launch.place)).toBe(false);
    leavesNothing();
  });

  test('with a pin that is none it ends at once, 78', async () => {
    const edit = (text: string) => text.replace(/^(HAULOUT_RUNTIME_\w+)=.*$/gm, '$1=../../etc');
    expect(await launch.boot('curl', { edit })).toMatchObject({
      code: 78,
      stderr: expect.stringContaining('no sha256'),
    });
    expect(launch.wire.requests).toEqual([]);
  });

  describe('an answer without end', () => {
    const MEGABYTE = Buffer.alloc(1024 * 1024, 'a');
    let sent = 0;
    const endless = (path: string, most: number) => {
      sent = 0;
      launch.wire.before = (_request, response, url) => {
        if (!url.pathname.includes(path)) return false;
        const more = () => {
          if (sent >= most) return;
          sent += MEGABYTE.length;
          response.write(MEGABYTE, (error) => (error ? response.destroy() : more()));
        };
        more();
        return true;
      };
    };

    test.each(WAYS)('of the metadata service fills no memory: %s', async (way) => {
      endless('/api/token', 300e6);
      await launch.boot(way, { shell: ['/usr/bin/timeout', '1', '/bin/sh'] });
      expect(sent).toBeGreaterThan(0);
      expect(sent).toBeLessThan(100e6);
    });

    // Shells count in blocks of 512 bytes or of 1024: what the program really gets is looked at, by one that counts in 512.
    test.each([['/bin/dash'], ['/bin/bash'], ['/bin/busybox sh']])('of the bucket fills no disk: %s', async (shell) => {
      const [counted, spy] = [join(launch.directory, 'limits'), join(launch.directory, 'counting-curl')];
      await writeFile(spy, `#!/bin/dash\nulimit -f >>${counted}\nexec ${systemProgram('curl')} "$@"\n`);
      await chmod(spy, 0o755);
      expect(await launch.boot(`curl=${spy}`, { shell: shell.split(' ') })).toMatchObject({ code: 0 });
      const limits = readFileSync(counted, 'utf8')
        .trim()
        .split('\n')
        .map((blocks) => Number(blocks) * 512);
      expect(Math.max(...limits)).toBeGreaterThan(100e6); // a runtime comes through
      expect(Math.max(...limits)).toBeLessThan(800e6);
    });
  });

  test('on a machine with nothing to ask with, it says what it looked for', async () => {
    const { code, stderr } = await launch.boot('');
    expect(code).toBe(69);
    expect(stderr).toContain('There is no program to ask with: none of curl python3 platform_python wget bash nc');
  });
});

describeWith([...NEEDS, root], 'a small disk', () => {
  test('a runtime for which there is no room, or no place: says so, and not that it was altered', async () => {
    const large = randomBytes(256 * 1024);
    await launch.remove();
    launch = await prepareRuntimeLaunch(large, sha256(large));
    const small = `mkdir ${launch.root}/var && /usr/bin/mount -t tmpfs -o size=64k tmpfs ${launch.root}/var && exec /usr/bin/timeout 2 /bin/sh "$0"`;
    const { stderr } = await launch.boot('curl', { shell: ['/usr/bin/unshare', '--mount', '/bin/sh', '-c', small] });
    expect(stderr).toMatch(/it answers 200 \(\d+ of 262144 bytes came\) curl: .*writ/);
    await launch.forget();
    await writeFile(join(launch.root, 'var'), '');
    const ran = await launch.boot('curl');
    expect(ran.code).toBe(69);
    expect(ran.stderr).toContain('/var/lib/haulout/runtime: nothing can be written there');
    expect(ran.stderr).not.toContain('sha256');
  });
});

describeWith(NEEDS, 'an https endpoint', () => {
  test.each(['curl', 'python3', 'openssl bash'])('over %s, its certificate checked', async (way) => {
    const front = await startTlsFront(launch.directory, launch.wire.metadata);
    try {
      launch.settings = { ...launch.settings, endpoint: `https://localhost:${front.port}/s3` };
      expect(await launch.boot(way, { env: { SSL_CERT_FILE: front.certificate } })).toMatchObject({ code: 0 });
      await launch.forget();
      launch.wire.requests.length = 0;
      const edit = (text: string) => text.replace('https://localhost', 'https://127.0.0.1');
      const limit = { shell: ['/usr/bin/timeout', '2', '/bin/sh'], env: { SSL_CERT_FILE: front.certificate }, edit };
      expect((await launch.boot(way, limit)).code).not.toBe(0);
      expect(launch.wire.count(/s3/)).toBe(0);
    } finally {
      await front.close();
    }
  });
});

describe('the package manager, last', () => {
  const fake = async (name: string, body: string) => {
    const path = join(launch.directory, `fake-${name}`);
    await writeFile(path, `#!/bin/sh\necho "${name} $*" >>${launch.directory}/calls\n${body}\n`, { mode: 0o755 });
    return `${name}=${path}`;
  };
  const calls = () => readFileSync(join(launch.directory, 'calls'), 'utf8');
  const NODE = '#!/bin/sh\n[ "$1" = --version ] && { echo v20.19.2; exit; }\necho "took $1"\n';
  const installs = () => `printf '%s' '${NODE}' >${launch.directory}/bin/node; chmod 755 ${launch.directory}/bin/node`;
  beforeEach(() => {
    launch.settings = { ...launch.settings, runtimes: {} };
  });

  test('apt-get: what the archive offers is new enough, and its locks are waited for', async () => {
    const apt = await fake('apt-get', `case "$*" in *install*) ${installs()} ;; esac`);
    const cache = await fake('apt-cache', "echo '  Candidate: 20.19.2+dfsg-1'");
    const { code, stdout, path } = await launch.boot(`${apt} ${cache}`);
    expect({ code, stdout }).toEqual({ code: 0, stdout: `took ${path}\n` });
    expect(calls()).toMatch(
      /apt-get -q update\napt-cache policy nodejs\napt-get .*Lock::Timeout=300.* install nodejs\n/,
    );
  });

  test('apt-get: what is too old is not installed to find out', async () => {
    const apt = await fake('apt-get', '');
    const cache = await fake('apt-cache', "echo '  Candidate: 18.20.4+dfsg-1~deb12u1'");
    const { code, stderr } = await launch.boot(`${apt} ${cache}`);
    expect(code).toBe(69);
    expect(calls()).not.toContain('install');
    expect(stderr).toMatch(
      /found none, needed is 20\.19 or newer\. no runtime for \w+ is pinned; the nodejs of this system's archive is 18\.20\.4/,
    );
    expect(stderr).toContain('Run haulout runtime add');
  });

  test.each([
    [
      'dnf',
      'case "$*" in *info*nodejs22) echo \'Version      : 22.22.0\' ;; *install*) INSTALLS ;; esac',
      /dnf -qy install nodejs22/,
    ],
    ['zypper', 'case "$*" in *nodejs24) exit 104 ;; *nodejs22) INSTALLS ;; esac', /zypper -nq install .*nodejs22/],
    ['apk', 'case "$*" in search*) echo nodejs-22.16.0-r2 ;; *add*) INSTALLS ;; esac', /apk --wait 300 -q add nodejs/],
  ])('%s', async (name, body, expected) => {
    const program = await fake(name, body.replace('INSTALLS', installs()));
    expect(await launch.boot(program)).toMatchObject({ code: 0 });
    expect(calls()).toMatch(expected);
  });
});

function leavesNothing(): void {
  expect(readdirSync(join(launch.root, 'run'))).toEqual([]);
  const kept = readdirSync(join(launch.root, 'var/lib/haulout/runtime'));
  expect(kept.filter((name) => name.startsWith('.'))).toEqual([]);
}
