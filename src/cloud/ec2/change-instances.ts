import type { XmlFields } from '../s3/xml.ts';
import { type Action, type Call, DONE } from './action.ts';
import { Ec2Error, unsupported } from './errors.ts';
import { type Ec2Instance, wrongState } from './instance.ts';
import { type StateName, stateFields } from './states.ts';

export const terminateInstances: Action = {
  takes: ['InstanceId.N'],
  handle: (call) => changed(named(call), (instance) => instance.terminate()),
};

export const stopInstances: Action = {
  takes: ['InstanceId.N', 'Force', 'Hibernate'],
  handle(call) {
    if (call.parameters.flag('Hibernate')) throw unsupported('Hibernate');
    const force = call.parameters.flag('Force') ?? false;
    const instances = named(call);
    for (const instance of instances) {
      checkDisk(instance, 'stopped');
      checkState(instance, ['running', 'stopping', 'stopped'], 'stopped');
    }
    return changed(instances, (instance) => instance.stop(force));
  },
};

export const startInstances: Action = {
  takes: ['InstanceId.N'],
  handle(call) {
    const instances = named(call);
    for (const instance of instances) checkState(instance, ['stopped', 'pending', 'running'], 'started');
    return changed(instances, (instance) => instance.start());
  },
};

export const rebootInstances: Action = {
  takes: ['InstanceId.N'],
  handle(call) {
    const instances = named(call);
    for (const instance of instances) {
      checkDisk(instance, 'rebooted');
      checkState(instance, ['running'], 'rebooted');
    }
    for (const instance of instances) instance.reboot();
    return DONE;
  },
};

function changed(instances: readonly Ec2Instance[], change: (instance: Ec2Instance) => void): XmlFields {
  const item = instances.map((instance) => {
    const previousState = { ...stateFields(instance.state) };
    change(instance);
    return { instanceId: instance.instanceId, currentState: { ...stateFields(instance.state) }, previousState };
  });
  return { instancesSet: { item } };
}

/** All or none: an id that is unknown changes nothing. */
function named({ parameters, cloud }: Call): readonly Ec2Instance[] {
  const ids = [...new Set(parameters.list('InstanceId'))];
  if (ids.length === 0) {
    throw new Ec2Error('MissingParameter', 'The request must contain the parameter InstanceId');
  }
  return ids.map((id) => cloud.instances.find(id));
}

function checkState(instance: Ec2Instance, states: readonly StateName[], what: string): void {
  if (!states.includes(instance.state)) throw wrongState(instance, what);
}

/** In EC2's words for an instance whose disk goes with its machine. */
function checkDisk(instance: Ec2Instance, what: string): void {
  if (instance.outlasting || !instance.exists) return;
  const message = `The instance '${instance.instanceId}' does not have an 'ebs' root device type and cannot be ${what}`;
  throw new Ec2Error('UnsupportedOperation', message);
}
