import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWith, root } from '../support/needs.ts';
import { RoleUnderTest } from '../support/role.ts';
import { eventually } from '../support/scratch.ts';

const PORT = 9_180;
const FILES = {
  'haulout.ini': '[haulout]\nversion = 1\nlifecycle-hook = bye\n[service.web]\nimage = services/web\nhealth = 0s\n',
  'services/web/bin/start': '#!/bin/sh\nsleep 77121 &\n',
  'services/web/bin/stop': '#!/bin/sh\nsleep 1; echo stopped >> /srv/log\n',
};

/** A machine that its Auto Scaling group takes out, and waits for. The group is a listener that hears and says yes. */
describeWith([root], 'an instance of a group', () => {
  let role: RoleUnderTest;
  const heard: { form: Record<string, string>; stopped: boolean; signed: string }[] = [];
  const isStopped = async () => (await role.read('/srv/log').catch(() => '')) === 'stopped\n';
  beforeAll(async () => {
    role = await RoleUnderTest.boot(FILES, {
      tags: { 'aws:autoscaling:groupName': 'planet' },
      plant: { '/etc/haulout/endpoints.json': { content: `{"autoscaling":"http://10.77.0.1:${PORT}/"}`, mode: 0o600 } },
    });
    await role.cloud.expose(PORT, (request, response) => {
      let text = '';
      request.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      request.on('end', async () => {
        const signed = /\/(\w+)\/aws4_request/.exec(`${request.headers.authorization}`)?.[1] ?? '';
        heard.push({ form: Object.fromEntries(new URLSearchParams(text)), stopped: await isStopped(), signed });
        response.end('<CompleteLifecycleActionResponse/>');
      });
    });
  }, 120_000);
  afterAll(() => role?.close());

  it('tells its group to go on when its services are stopped, and not before, and once', async () => {
    expect(heard).toEqual([]);
    role.cloud.announce(role.machine, 'autoscaling/target-lifecycle-state', 'Terminated');
    expect(await eventually(() => heard.length > 0, 50_000), await role.log()).toBe(true);
    const form = {
      Action: 'CompleteLifecycleAction',
      Version: '2011-01-01',
      AutoScalingGroupName: 'planet',
      LifecycleHookName: 'bye',
      LifecycleActionResult: 'CONTINUE',
      InstanceId: role.machine.instanceId,
    };
    expect(heard).toEqual([{ form, stopped: true, signed: 'autoscaling' }]);
    expect((await role.status()).lease).toMatchObject({ state: 'ended', notice: { kind: 'autoscaling' } });
    expect(await eventually(() => heard.length > 1, 7_000)).toBe(false);
  }, 90_000);
});
