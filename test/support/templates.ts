import { type CollectionTag, type Document, parseDocument, type ScalarTag } from 'yaml';

export interface Checked {
  readonly complaints: readonly string[];
  /** What stands there, short forms written out: `!Ref X` is `{ Ref: 'X' }`. */
  value(path: readonly string[]): unknown;
}

/**
 * Resource types that the examples use, with what GetAtt may ask of each:
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-template-resource-type-ref.html
 */
const TYPES: Readonly<Record<string, readonly string[]>> = {
  'AWS::IAM::Role': ['Arn', 'RoleId'],
  'AWS::IAM::InstanceProfile': ['Arn'],
  'AWS::EC2::LaunchTemplate': ['LaunchTemplateId', 'LatestVersionNumber', 'DefaultVersionNumber'],
  'AWS::EC2::Instance': ['AvailabilityZone', 'InstanceId', 'PrivateIp', 'PublicIp', 'PrivateDnsName', 'PublicDnsName'],
  'AWS::EC2::EIP': ['AllocationId', 'PublicIp'],
  'AWS::EC2::EIPAssociation': ['Id'],
};
const PSEUDO = ['AWS::Partition', 'AWS::Region', 'AWS::AccountId', 'AWS::StackName', 'AWS::StackId', 'AWS::NoValue'];
const SECTIONS = [
  'AWSTemplateFormatVersion',
  'Description',
  'Parameters',
  'Mappings',
  'Conditions',
  'Resources',
  'Outputs',
];

type Names = Readonly<Record<string, { readonly Type?: string; readonly type?: string }>>;

/** Short forms of CloudFormation's functions, as its own reader writes them out. */
const TAGS: (ScalarTag | CollectionTag)[] = [
  { tag: '!Ref', resolve: (text: string) => ({ Ref: text }) },
  { tag: '!Sub', resolve: (text: string) => ({ 'Fn::Sub': text }) },
  { tag: '!GetAtt', resolve: (text: string) => ({ 'Fn::GetAtt': text.split('.') }) },
];

/** A CloudFormation template: YAML with its tags, types that there are, references that lead somewhere. */
export function checkTemplate(text: string): Checked {
  const { document, root, complaints } = read(text, TAGS);
  for (const section of Object.keys(root)) if (!SECTIONS.includes(section)) complaints.push(`no section ${section}`);
  const resources = root['Resources'] as Names;
  const names = [...Object.keys((root['Parameters'] ?? {}) as object), ...Object.keys(resources), ...PSEUDO];
  const known = (name: string, where: string) => {
    if (!names.includes(name)) complaints.push(`${where}: there is no ${name}`);
  };
  for (const [name, { Type }] of Object.entries(resources))
    if (TYPES[Type ?? ''] === undefined) complaints.push(`${name}: no type ${Type}`);
  walk(root, (word, value) => {
    if (word === 'Ref') known(String(value), 'Ref');
    if (word === 'Fn::Sub') for (const [, name] of String(value).matchAll(/\$\{([^}]+)\}/g)) known(name!, 'Sub');
    if (word === 'Fn::GetAtt') {
      const [name = '', attribute = ''] = value as string[];
      const attributes = TYPES[resources[name]?.Type ?? ''] ?? [];
      if (!attributes.includes(attribute)) complaints.push(`GetAtt: there is no ${name}.${attribute}`);
    }
  });
  return { complaints, value: (path) => document(path) };
}

/** A Heat template: https://docs.openstack.org/heat/latest/template_guide/hot_spec.html */
export function checkHeat(text: string): Checked {
  const { document, root, complaints } = read(text, []);
  const parameters = Object.keys((root['parameters'] ?? {}) as object);
  const resources = root['resources'] as Names;
  if (!/^\d{4}-\d{2}-\d{2}$/.test(String(root['heat_template_version']))) complaints.push('no version');
  for (const [name, { type }] of Object.entries(resources))
    if (!/^OS::(Nova|Neutron)::\w+$/.test(type ?? '')) complaints.push(`${name}: no type ${type}`);
  walk(root, (word, value) => {
    const name = String(Array.isArray(value) ? value[0] : value);
    if (word === 'get_param' && !parameters.includes(name)) complaints.push(`get_param: there is no ${name}`);
    if ((word === 'get_resource' || word === 'get_attr') && !Object.keys(resources).includes(name))
      complaints.push(`${word}: there is no ${name}`);
  });
  return { complaints, value: (path) => document(path) };
}

/** A value of a template with its references put in. */
export function meant(value: unknown, parameters: Readonly<Record<string, string>>): unknown {
  if (Array.isArray(value)) return value.map((one) => meant(one, parameters));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value);
  const [only] = entries;
  if (only?.[0] === 'Fn::Sub')
    return String(only[1]).replace(/\$\{([^}]+)\}/g, (all, name: string) => parameters[name] ?? all);
  return Object.fromEntries(entries.map(([name, one]) => [name, meant(one, parameters)]));
}

function read(text: string, customTags: (ScalarTag | CollectionTag)[]) {
  const parsed: Document = parseDocument(text, { customTags, schema: 'core', uniqueKeys: true });
  const complaints = [...parsed.errors, ...parsed.warnings].map(({ message }) => message);
  const root = parsed.toJS() as Record<string, unknown>;
  const document = (path: readonly string[]) =>
    path.reduce<unknown>((value, name) => (value as Record<string, unknown> | undefined)?.[name], root);
  return { document, root, complaints };
}

function walk(value: unknown, look: (word: string, value: unknown) => void): void {
  if (typeof value !== 'object' || value === null) return;
  for (const [word, one] of Object.entries(value)) {
    look(word, one);
    walk(one, look);
  }
}
