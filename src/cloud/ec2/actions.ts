import type { Action } from './action.ts';
import {
  allocateAddress,
  associateAddress,
  describeAddresses,
  disassociateAddress,
  releaseAddress,
} from './address-actions.ts';
import { terminateInstances } from './change-instances.ts';
import { describeInstanceStatus, describeInstances } from './describe-instances.ts';
import { getConsoleOutput } from './instance-actions.ts';
import { runInstances } from './run-instances.ts';
import { createTags } from './tag-actions.ts';

/** To add an action: a row here and its value. Nothing else decides what the endpoint can do. */
export const ACTIONS: ReadonlyMap<string, Action> = new Map(
  Object.entries({
    AllocateAddress: allocateAddress,
    AssociateAddress: associateAddress,
    CreateTags: createTags,
    DescribeAddresses: describeAddresses,
    DescribeInstances: describeInstances,
    DescribeInstanceStatus: describeInstanceStatus,
    DisassociateAddress: disassociateAddress,
    GetConsoleOutput: getConsoleOutput,
    ReleaseAddress: releaseAddress,
    RunInstances: runInstances,
    TerminateInstances: terminateInstances,
  }),
);
