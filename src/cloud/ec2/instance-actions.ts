import type { Action } from './action.ts';

export const getConsoleOutput: Action = {
  takes: ['InstanceId', 'Latest'],
  handle({ parameters, cloud }) {
    const { instanceId, console } = cloud.instances.find(parameters.needed('InstanceId'));
    const timestamp = console.changedAt?.toISOString();
    return timestamp === undefined
      ? { instanceId }
      : { instanceId, timestamp, output: console.bytes.toString('base64') };
  },
};
