import type { Action, Call } from './action.ts';
import { Ec2Error, invalidValue } from './errors.ts';
import { reservationFields } from './instance-fields.ts';
import type { Reservation } from './instances.ts';
import type { Order } from './order.ts';
import { LAUNCH_IGNORES, LAUNCH_PARAMETERS, readOrder } from './read-order.ts';
import { readTagSpecifications } from './tags.ts';
import { withTemplate } from './templates.ts';

const MOST_AT_ONCE = 1_000;

export const runInstances: Action = {
  takes: [
    'MinCount',
    'MaxCount',
    'ClientToken',
    'LaunchTemplate.LaunchTemplateId',
    'LaunchTemplate.LaunchTemplateName',
    'LaunchTemplate.Version',
    ...LAUNCH_PARAMETERS,
  ],
  ignores: LAUNCH_IGNORES,
  async handle(call) {
    const reservation = await call.cloud.launchTokens.once(call.parameters, () => run(call));
    return reservationFields(reservation.instances, call.cloud);
  },
};

async function run({ parameters, cloud }: Call): Promise<Reservation> {
  const least = parameters.whole('MinCount', 1, MOST_AT_ONCE) ?? Number(parameters.needed('MinCount'));
  const most = parameters.whole('MaxCount', 1, MOST_AT_ONCE) ?? Number(parameters.needed('MaxCount'));
  if (least > most) throw invalidValue(String(least), 'MinCount', 'It must not be greater than MaxCount.');
  const wanted = withTemplate(parameters, cloud.templates);
  const tags = readTagSpecifications(wanted, 'instance');
  const order: Order = { ...readOrder(wanted, { imageIsNeeded: true }), ...cloud.everyOrder };
  const able = await cloud.able();
  if (!able.ok) throw new Ec2Error('UnsupportedOperation', `${able.reason}. ${able.hint}`);
  const reservation = await cloud.instances.reserve(order, { least, most });
  for (const instance of reservation.instances) {
    cloud.tags.set(instance.instanceId, tags);
    // The answer does not wait; how it went shows in the instance's state.
    instance.boot().catch(() => cloud.log.warn(`${instance.instanceId}: ${instance.reason?.message}`));
  }
  return reservation;
}
