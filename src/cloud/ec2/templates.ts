import { Ec2Error, invalidValue } from './errors.ts';
import { newId } from './instances.ts';
import { Parameters } from './parameters.ts';

/** What a launch is asked for with, kept under a name. Its words are those of RunInstances. */
export interface TemplateVersion {
  readonly number: number;
  readonly description: string | undefined;
  readonly createdAt: Date;
  readonly data: Parameters;
}

export interface Template {
  readonly id: string;
  readonly name: string;
  readonly createdAt: Date;
  /** In the order of their numbers, from 1. */
  readonly versions: readonly TemplateVersion[];
}

interface HeldTemplate extends Template {
  readonly versions: TemplateVersion[];
}

/** Names as EC2 takes them: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateLaunchTemplate.html */
const NAME = /^[a-zA-Z0-9().\-/_]{3,128}$/;

/** The launch templates of the cloud. The default version is always the first: there is nothing here that changes it. */
export class Templates {
  readonly #all = new Map<string, HeldTemplate>();

  get all(): readonly Template[] {
    return [...this.#all.values()];
  }

  create(name: string, data: Parameters, description: string | undefined): Template {
    if (!NAME.test(name)) throw invalidValue(name, 'LaunchTemplateName', 'It has 3 to 128 letters, digits and ().-/_.');
    if (this.all.some((template) => template.name === name)) {
      const message = `Launch template name already in use: ${name}`;
      throw new Ec2Error('InvalidLaunchTemplateName.AlreadyExistsException', message);
    }
    const template: HeldTemplate = { id: newId('lt'), name, createdAt: new Date(), versions: [] };
    this.#all.set(template.id, template);
    this.addVersion(template, data, description);
    return template;
  }

  addVersion({ id }: Template, data: Parameters, description: string | undefined): TemplateVersion {
    const { versions } = this.#all.get(id)!;
    const version = { number: versions.length + 1, description, createdAt: new Date(), data };
    versions.push(version);
    return version;
  }

  delete({ id }: Template): void {
    this.#all.delete(id);
  }

  byId(id: string): Template {
    const found = this.#all.get(id);
    if (found) return found;
    const message = `The specified launch template, with template ID ${id}, does not exist.`;
    throw new Ec2Error('InvalidLaunchTemplateId.NotFound', message);
  }

  byName(name: string): Template {
    const found = this.all.find((template) => template.name === name);
    if (found) return found;
    const message = `The specified launch template, with template name ${name}, does not exist.`;
    throw new Ec2Error('InvalidLaunchTemplateName.NotFoundException', message);
  }

  /** By `LaunchTemplateId` or by `LaunchTemplateName`: one of the two must be there. */
  named(parameters: Parameters): Template {
    const id = parameters.text('LaunchTemplateId');
    const name = parameters.text('LaunchTemplateName');
    if (id !== undefined && name !== undefined) {
      const message = 'The request must contain LaunchTemplateId or LaunchTemplateName, but not both';
      throw new Ec2Error('InvalidParameterCombination', message);
    }
    return id === undefined ? this.byName(parameters.needed('LaunchTemplateName')) : this.byId(id);
  }
}

export function versionOf(template: Template, wanted: string): TemplateVersion {
  const { versions } = template;
  const found =
    wanted === '$Latest'
      ? versions.at(-1)
      : versions.find(({ number }) => String(number) === (wanted === '$Default' ? '1' : wanted));
  if (found) return found;
  const message = `Could not find launch template version ${wanted} of ${template.id}`;
  throw new Ec2Error('InvalidLaunchTemplateId.VersionNotFound', message);
}

/** The template's words, and over them those of the request: what the request says of a thing replaces all the template does. */
export function withTemplate(request: Parameters, templates: Templates): Parameters {
  const named = request.structure('LaunchTemplate');
  if (!named) return request;
  const { data } = versionOf(templates.named(named), named.text('Version') ?? '$Default');
  const top = (name: string) => name.split('.')[0];
  const said = new Set(request.names.map(top));
  const left = data.pairs.filter(([name]) => !said.has(top(name)));
  return new Parameters([...left, ...request.pairs]);
}
