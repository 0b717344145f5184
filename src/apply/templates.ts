import { HauloutError } from '../lib/errors.ts';
import type { Identity } from '../metadata/provider.ts';
import type { Spec } from '../spec/spec.ts';

/** What a template can name: https://shopify.github.io/liquid/ with these four. */
export interface TemplateValues {
  readonly instance: Identity;
  readonly role: string;
  readonly services: readonly { readonly id: string; readonly port: number | undefined }[];
  /** By service id, as written in `[service.ID.custom]`. */
  readonly custom: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

export function templateValues(spec: Spec, instance: Identity, role: string): TemplateValues {
  return {
    instance,
    role,
    services: spec.services.map(({ id, port }) => ({ id, port })),
    custom: Object.fromEntries(spec.services.map(({ id, custom }) => [id, custom])),
  };
}

/**
 * Liquid, strict: a name that does not exist is an error with line and column, and no file of the machine can be included.
 * Templates come from the bucket and are trusted as its hooks are; the limits are against accidents.
 */
export async function renderTemplate(text: string, values: TemplateValues, path: string): Promise<string> {
  const { Liquid } = await import('liquidjs');
  const engine = new Liquid({
    strictVariables: true,
    strictFilters: true,
    lenientIf: true,
    ownPropertyOnly: true,
    dynamicPartials: false,
    templates: {},
    parseLimit: 1_000_000,
    renderLimit: 5_000,
    memoryLimit: 50_000_000,
  });
  try {
    return await engine.parseAndRender(text, values);
  } catch (error) {
    const first = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    throw new HauloutError(
      {
        code: 'template-failed',
        step: 'files',
        subject: `file:${path}`,
        reason: `the template cannot be rendered: ${first.slice(0, 200)}`,
        hint: 'it may use instance, role, services and custom; {% raw %} keeps {{ }} that are not meant for it',
      },
      error,
    );
  }
}
