import type { Action } from './action.ts';
import {
  allocateAddress,
  associateAddress,
  describeAddresses,
  disassociateAddress,
  releaseAddress,
} from './address-actions.ts';
import { rebootInstances, startInstances, stopInstances, terminateInstances } from './change-instances.ts';
import { describeInstanceStatus, describeInstances } from './describe-instances.ts';
import { describeInstanceAttribute, getConsoleOutput, modifyInstanceMetadataOptions } from './instance-actions.ts';
import { runInstances } from './run-instances.ts';
import { createTags, deleteTags, describeTags } from './tag-actions.ts';
import {
  createLaunchTemplate,
  createLaunchTemplateVersion,
  deleteLaunchTemplate,
  describeLaunchTemplates,
  describeLaunchTemplateVersions,
} from './template-actions.ts';

/** To add an action: a row here and its value. Nothing else decides what the endpoint can do. */
export const ACTIONS: ReadonlyMap<string, Action> = new Map(
  Object.entries({
    AllocateAddress: allocateAddress,
    AssociateAddress: associateAddress,
    CreateLaunchTemplate: createLaunchTemplate,
    CreateLaunchTemplateVersion: createLaunchTemplateVersion,
    CreateTags: createTags,
    DeleteLaunchTemplate: deleteLaunchTemplate,
    DeleteTags: deleteTags,
    DescribeAddresses: describeAddresses,
    DescribeInstanceAttribute: describeInstanceAttribute,
    DescribeInstances: describeInstances,
    DescribeInstanceStatus: describeInstanceStatus,
    DescribeLaunchTemplates: describeLaunchTemplates,
    DescribeLaunchTemplateVersions: describeLaunchTemplateVersions,
    DescribeTags: describeTags,
    DisassociateAddress: disassociateAddress,
    GetConsoleOutput: getConsoleOutput,
    ModifyInstanceMetadataOptions: modifyInstanceMetadataOptions,
    RebootInstances: rebootInstances,
    ReleaseAddress: releaseAddress,
    RunInstances: runInstances,
    StartInstances: startInstances,
    StopInstances: stopInstances,
    TerminateInstances: terminateInstances,
  }),
);
