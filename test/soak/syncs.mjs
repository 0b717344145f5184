// Many syncs of one resident agent, every twentieth with an upload: what it costs in memory and processor, and that the others
// are no-ops (DESIGN law 1). `npm run soak syncs [N]`, 200 by default.
import { bundled } from './bundled.mjs';

const [times = '200'] = process.argv.slice(2);
const { RoleUnderTest } = await bundled('../support/role.ts');

const role = await RoleUnderTest.boot({
  'haulout.ini': '[haulout]\nversion = 1\n[service.a]\nimage = services/a\nwatch = /etc/a.conf\nhealth = 0s\n',
  'root/etc/a.conf': 'zero\n',
  'services/a/bin/start': '#!/bin/sh\nexit 0\n',
});
try {
  const [agent] = await role.agents();
  const memory = async () => Number(/VmRSS:\s+(\d+)/.exec(await role.read(`/proc/${agent}/status`))[1]) / 1024;
  const ticks = async () =>
    (await role.read(`/proc/${agent}/stat`)).replace(/.*\) /, '').split(' ').slice(11, 13).map(Number);
  const before = await memory();
  const [user, system] = await ticks();
  const total = { syncs: 0, uploads: 0, noOps: 0, unhealthy: 0 };
  while (total.syncs < Number(times)) {
    const upload = total.syncs % 20 === 10;
    if (upload) await role.put('root/etc/a.conf', `${total.syncs}\n`);
    const { health, lastSync } = await role.sync();
    total.syncs++;
    total.uploads += upload ? 1 : 0;
    total.noOps += lastSync.steps === 0 ? 1 : 0;
    total.unhealthy += health === 'healthy' ? 0 : 1;
  }
  const spent = await ticks();
  const seconds = (spent[0] - user + spent[1] - system) / 100;
  console.log(`syncs: ${JSON.stringify(total)}`);
  console.log(
    `resident agent: ${before.toFixed(0)} MB after the boot, ${(await memory()).toFixed(0)} MB after ${total.syncs} syncs`,
  );
  console.log(`processor: ${seconds.toFixed(2)} s in all, ${((1_000 * seconds) / total.syncs).toFixed(1)} ms a sync`);
  process.exitCode = total.unhealthy === 0 && total.noOps === total.syncs - total.uploads ? 0 : 1;
} finally {
  await role.close();
}
