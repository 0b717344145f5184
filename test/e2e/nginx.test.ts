import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWith, root } from '../support/needs.ts';
import { RoleUnderTest } from '../support/role.ts';

const spec = ({ nginx = '', web = 'then = reload\n', more = '' } = {}) => `[haulout]
version = 1
[packages]
nginx = ${nginx}
${more}
[files]
/etc/nginx/sites-enabled/default = absent
[service.web]
unit = nginx
watch = /etc/nginx/**, package:nginx
validate = nginx -t
check = http://127.0.0.1:8099/
health = 0s
timeout = 20s
${web}`;
const site = (words: string) => `server { listen 8099; location / { return 200 "${words}\\n"; } }\n`;

describeWith([root], 'nginx, the real one', () => {
  let role: RoleUnderTest;
  beforeAll(async () => {
    role = await RoleUnderTest.boot(
      { 'haulout.ini': spec(), 'root/etc/nginx/conf.d/site.conf': site('one') },
      { bootMs: 240_000 },
    );
    expect(await role.status()).toMatchObject({ health: 'healthy', services: [{ id: 'web', state: 'healthy' }] });
  }, 300_000);
  afterAll(() => role?.close());

  const page = async () => (await role.exec('curl -s --max-time 5 http://127.0.0.1:8099/')).stdout;
  const master = () => role.pids('nginx: master');
  const workers = () => role.pids('nginx: worker');
  const upload = (text: string) => role.put('root/etc/nginx/conf.d/site.conf', text);
  // A reload is a signal: nginx's master takes it, starts new workers and lets the old ones end, all after the command is back.
  const goneOf = (old: number[]) =>
    expect
      .poll(async () => (await workers()).filter((pid) => old.includes(pid)), { timeout: 10_000, interval: 50 })
      .toEqual([]);

  it('serves what the bucket says, and a second sync changes nothing', async () => {
    expect(await page()).toBe('one\n');
    expect((await role.sync()).lastSync.steps).toBe(0);
  });

  it('reloads for a changed file: another page, the same master', async () => {
    const [before, old] = [await master(), await workers()];
    await upload(site('two'));
    const { health, lastSync } = await role.sync();
    expect({ health, changed: lastSync.changed }).toEqual({
      health: 'healthy',
      changed: ['file:/etc/nginx/conf.d/site.conf', 'service:web'],
    });
    await goneOf(old);
    expect(await page()).toBe('two\n');
    expect(await master()).toEqual(before);
    expect((await role.sync()).lastSync.steps).toBe(0);
  });

  it('never sees a configuration that nginx -t refuses; after three tries it is set aside', async () => {
    const before = await master();
    const serving = await workers();
    await upload('server { lisssten 8099; }\n');
    const first = await role.sync();
    expect(first).toMatchObject({ health: 'degraded', trouble: { code: 'validate-failed', subject: 'service:web' } });
    expect(first.trouble?.output).toContain('lisssten');
    expect(await role.read('/etc/nginx/conf.d/site.conf')).toBe(site('two'));
    expect(await page()).toBe('two\n');
    expect(await workers()).toEqual(serving);

    await role.waitFor(
      (events) => events.some((event) => event.event === 'round' && event.status.content.setAside !== undefined),
      60_000,
    );
    const tries = (await role.events()).filter((event) => event.event === 'step' && event.code === 'validate-failed');
    expect(tries).toHaveLength(3);
    const after = await role.sync();
    expect(after).toMatchObject({ trouble: { code: 'content-set-aside' }, services: [{ state: 'healthy' }] });
    expect(await master()).toEqual(before);
    expect(await role.read('/etc/nginx/conf.d/site.conf')).toBe(site('two'));
    expect(await page()).toBe('two\n');
  }, 90_000);

  it('reloads the mended one at once', async () => {
    const [before, old] = [await master(), await workers()];
    await upload(site('three'));
    expect(await role.sync()).toMatchObject({ health: 'healthy', waiting: [] });
    await goneOf(old);
    expect(await page()).toBe('three\n');
    expect(await master()).toEqual(before);
  });

  it('takes a new file away again that nginx -t refuses', async () => {
    await role.put('root/etc/nginx/conf.d/new.conf', 'nonsense;\n');
    expect((await role.sync()).trouble?.code).toBe('validate-failed');
    expect((await role.exec('test -e /etc/nginx/conf.d/new.conf')).code).toBe(1);
    await role.delete('root/etc/nginx/conf.d/new.conf');
    expect((await role.sync()).health).toBe('healthy');
    expect(await page()).toBe('three\n');
  });

  it('starts nginx again that somebody killed', async () => {
    await role.exec('pkill -9 nginx; sleep 0.3');
    expect(await page()).toBe('');
    expect(await role.sync()).toMatchObject({ health: 'healthy', lastSync: { changed: ['service:web'] } });
    expect(await page()).toBe('three\n');
    expect((await role.sync()).lastSync.steps).toBe(0);
  });

  it('restarts where `then` says so: another master', async () => {
    const before = await master();
    await role.put('haulout.ini', spec({ web: 'then = restart\n' }));
    await upload(site('four'));
    expect((await role.sync()).health).toBe('healthy');
    expect(await page()).toBe('four\n');
    expect(await master()).not.toEqual(before);
    expect(await master()).toHaveLength(1);
  });

  it('stops it where the spec says stopped, and starts it again', async () => {
    await role.put('haulout.ini', spec({ web: 'state = stopped\n' }));
    expect(await role.sync()).toMatchObject({ health: 'healthy', services: [{ id: 'web', state: 'stopped' }] });
    expect(await master()).toEqual([]);
    expect((await role.sync()).lastSync.steps).toBe(0);
    await role.put('haulout.ini', spec());
    expect((await role.sync()).health).toBe('healthy');
    expect(await page()).toBe('four\n');
  });

  it('removes a package that the spec calls absent, and nothing else', async () => {
    const before = (await role.exec("dpkg-query -f '${Package}\\n' -W | sort")).stdout.split('\n');
    await role.put('haulout.ini', `[haulout]\nversion = 1\n[packages]\nnginx = absent\n`);
    expect(await role.sync()).toMatchObject({ health: 'healthy', lastSync: { changed: ['package:nginx'] } });
    const after = (await role.exec("dpkg-query -f '${Package} ${db:Status-Status}\\n' -W | grep ' installed' | sort"))
      .stdout;
    expect(after).not.toMatch(/^nginx /m);
    expect(
      before.filter((name) => name !== '' && !after.includes(`${name} `)).every((name) => /^nginx/.test(name)),
    ).toBe(true);
    expect((await role.sync()).lastSync.steps).toBe(0);
  }, 120_000);
});
