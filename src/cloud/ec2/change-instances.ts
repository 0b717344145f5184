import type { XmlFields } from '../s3/xml.ts';
import type { Action, Call } from './action.ts';
import { Ec2Error } from './errors.ts';
import type { Ec2Instance } from './instance.ts';
import { stateFields } from './states.ts';

export const terminateInstances: Action = {
  takes: ['InstanceId.N'],
  handle: (call) => changed(call, (instance) => instance.terminate()),
};

/** All or none: an id that is unknown changes nothing. */
function changed(call: Call, change: (instance: Ec2Instance) => void): XmlFields {
  const item = named(call).map((instance) => {
    const previousState = { ...stateFields(instance.state) };
    change(instance);
    return { instanceId: instance.instanceId, currentState: { ...stateFields(instance.state) }, previousState };
  });
  return { instancesSet: { item } };
}

function named({ parameters, cloud }: Call): readonly Ec2Instance[] {
  const ids = [...new Set(parameters.list('InstanceId'))];
  if (ids.length === 0) {
    throw new Ec2Error('MissingParameter', 'The request must contain the parameter InstanceId');
  }
  return ids.map((id) => cloud.instances.find(id));
}
