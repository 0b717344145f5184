import type { XmlFields } from '../s3/xml.ts';
import type { Action, Call } from './action.ts';
import { Ec2Error } from './errors.ts';
import { FILTER_PARAMETERS, passes, readFilters } from './filters.ts';
import { PAGE_PARAMETERS, pageOf } from './paging.ts';
import type { Parameters } from './parameters.ts';
import { LAUNCH_IGNORES, LAUNCH_PARAMETERS, readOrder } from './read-order.ts';
import { readTagSpecifications, tagSet } from './tags.ts';
import { type Template, type TemplateVersion, versionOf } from './templates.ts';

const DATA = 'LaunchTemplateData';
const NAMED = ['LaunchTemplateId', 'LaunchTemplateName'];
const dataParameters = {
  takes: LAUNCH_PARAMETERS.map((name) => `${DATA}.${name}`),
  ignores: LAUNCH_IGNORES.map((name) => `${DATA}.${name}`),
};

export const createLaunchTemplate: Action = {
  takes: [
    'LaunchTemplateName',
    'VersionDescription',
    'ClientToken',
    'TagSpecification.N.ResourceType',
    'TagSpecification.N.Tag.N.Key',
    'TagSpecification.N.Tag.N.Value',
    ...dataParameters.takes,
  ],
  ignores: dataParameters.ignores,
  async handle({ parameters, cloud }) {
    const template = await cloud.templateTokens.once(parameters, async () => {
      const tags = readTagSpecifications(parameters, 'launch-template');
      const name = parameters.needed('LaunchTemplateName');
      const made = cloud.templates.create(name, readData(parameters), parameters.text('VersionDescription'));
      cloud.tags.set(made.id, tags);
      return made;
    });
    return { launchTemplate: templateFields({ parameters, cloud }, template) };
  },
};

export const createLaunchTemplateVersion: Action = {
  takes: [...NAMED, 'VersionDescription', 'ClientToken', ...dataParameters.takes],
  ignores: dataParameters.ignores,
  async handle({ parameters, cloud }) {
    const template = cloud.templates.named(parameters);
    const version = await cloud.versionTokens.once(parameters, async () =>
      cloud.templates.addVersion(template, readData(parameters), parameters.text('VersionDescription')),
    );
    return { launchTemplateVersion: versionFields(template, version) };
  },
};

export const deleteLaunchTemplate: Action = {
  takes: NAMED,
  handle(call) {
    const template = call.cloud.templates.named(call.parameters);
    const fields = templateFields(call, template);
    call.cloud.templates.delete(template);
    call.cloud.tags.removeAll(template.id);
    return { launchTemplate: fields };
  },
};

const FILTERS = ['create-time', 'launch-template-name'];

export const describeLaunchTemplates: Action = {
  takes: ['LaunchTemplateId.N', 'LaunchTemplateName.N', ...FILTER_PARAMETERS, ...PAGE_PARAMETERS],
  handle(call) {
    const { parameters, cloud } = call;
    const filters = readFilters(parameters, FILTERS);
    const named = new Set([
      ...parameters.list('LaunchTemplateId').map((id) => cloud.templates.byId(id)),
      ...parameters.list('LaunchTemplateName').map((name) => cloud.templates.byName(name)),
    ]);
    const found = cloud.templates.all.filter((template) => {
      const { id, name, createdAt } = template;
      const fields = { 'create-time': createdAt.toISOString(), 'launch-template-name': name };
      return (named.size === 0 || named.has(template)) && passes(filters, fields, cloud.tags.of(id));
    });
    const by = { id: ({ id }: Template) => id, least: 1, listed: 'LaunchTemplateId' };
    const { items, nextToken } = pageOf(parameters, found, by);
    return { launchTemplates: { item: items.map((template) => templateFields(call, template)) }, nextToken };
  },
};

export const describeLaunchTemplateVersions: Action = {
  takes: [...NAMED, 'LaunchTemplateVersion.N', ...PAGE_PARAMETERS],
  handle({ parameters, cloud }) {
    const template = cloud.templates.named(parameters);
    const wanted = parameters.list('LaunchTemplateVersion');
    const found =
      wanted.length === 0 ? template.versions : [...new Set(wanted.map((word) => versionOf(template, word)))];
    const by = { id: ({ number }: TemplateVersion) => String(number), least: 1, listed: 'LaunchTemplateVersion' };
    const { items, nextToken } = pageOf(parameters, found, by);
    return { launchTemplateVersionSet: { item: items.map((version) => versionFields(template, version)) }, nextToken };
  },
};

/** Everything in it is checked now, as far as it goes without what a launch adds. */
function readData(parameters: Parameters): Parameters {
  const data = parameters.structure(DATA);
  if (!data) throw new Ec2Error('MissingParameter', `The request must contain the parameter ${DATA}`);
  readOrder(data, { imageIsNeeded: false });
  readTagSpecifications(data, 'instance');
  return data;
}

function templateFields({ cloud }: Call, { id, name, createdAt, versions }: Template): XmlFields {
  return {
    launchTemplateId: id,
    launchTemplateName: name,
    createTime: createdAt.toISOString(),
    createdBy: `arn:aws:iam::${cloud.accountId}:root`,
    defaultVersionNumber: 1,
    latestVersionNumber: versions.length,
    tags: tagSet(cloud.tags.of(id)),
  };
}

function versionFields(template: Template, { number, description, createdAt, data }: TemplateVersion): XmlFields {
  return {
    launchTemplateId: template.id,
    launchTemplateName: template.name,
    versionNumber: number,
    versionDescription: description,
    createTime: createdAt.toISOString(),
    defaultVersion: number === 1,
    launchTemplateData: dataFields(data),
  };
}

/** What was given, by the names of the answer. What is ignored at a launch is not told here. */
function dataFields(data: Parameters): XmlFields {
  const profile = data.structure('IamInstanceProfile');
  const metadata = data.structure('MetadataOptions');
  const tags = readTagSpecifications(data, 'instance');
  return {
    imageId: data.text('ImageId'),
    instanceType: data.text('InstanceType'),
    keyName: data.text('KeyName'),
    userData: data.text('UserData'),
    instanceInitiatedShutdownBehavior: data.text('InstanceInitiatedShutdownBehavior'),
    iamInstanceProfile: profile && { name: profile.text('Name'), arn: profile.text('Arn') },
    metadataOptions: metadata && {
      httpTokens: metadata.text('HttpTokens'),
      httpEndpoint: metadata.text('HttpEndpoint'),
      httpPutResponseHopLimit: metadata.text('HttpPutResponseHopLimit'),
      instanceMetadataTags: metadata.text('InstanceMetadataTags'),
    },
    tagSpecificationSet: tags.size === 0 ? undefined : { item: { resourceType: 'instance', tagSet: tagSet(tags) } },
  };
}
