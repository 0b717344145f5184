import { expect, it } from 'vitest';
import { RoleUnderTest } from '../support/role.ts';
it('scratch', async () => {
  const S = '[haulout]\nversion = 1\n';
  const role = await RoleUnderTest.boot({ 'haulout.ini': S });
  try {
    await role.exec(`printf 'Acquire::http::Proxy "http://10.77.0.1:9";\nAcquire::https::Proxy "http://10.77.0.1:9";\n' > /etc/apt/apt.conf.d/zzz`);
    await role.put('haulout.ini', `${S}[packages]\nsl =\n`);
    const t = performance.now();
    const a = await role.sync();
    console.log(JSON.stringify([a.health, a.trouble?.code, a.lastSync.ms]));
    await role.waitFor((e) => e.some((x) => x.event === 'round' && x.status.content.setAside !== undefined), 400_000);
    console.log('set aside after', performance.now() - t);
    await role.exec('rm /etc/apt/apt.conf.d/zzz');
    const b = await role.sync();
    console.log(JSON.stringify([b.health, b.trouble?.code, b.lastSync.steps]));
    expect(1).toBe(1);
  } finally { await role.close(); }
}, 600_000);
