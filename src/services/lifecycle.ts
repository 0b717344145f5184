import type { ServiceSpec } from '../spec/spec.ts';
import { accountOf } from './accounts.ts';
import { type CfgContent, renderCfg } from './cfg.ts';
import { withCfg } from './cfg-place.ts';
import { serviceScope } from './contain.ts';
import { Course, hookMissing, type Outcome, type ServiceCall, type ServiceTools } from './course.ts';
import { probeService } from './health.ts';
import { hasHook } from './hook-file.ts';
import type { ProbeResult } from './probe.ts';

export type { Outcome, ServiceCall, ServiceTools } from './course.ts';

export interface Activation extends ServiceCall {
  readonly cfg: CfgContent;
  /** `start`: it is configured already, only its check fails. Default `configure`. */
  readonly begin?: 'configure' | 'start';
  /** false: an image may do without bin/start (all it has is supervised, or it only configures). Default true. */
  readonly needsStart?: boolean;
}

/** configure, start, check until health has held; for a unit: start, or `then` when it is active already, and check. */
export async function activate(tools: ServiceTools, call: Activation): Promise<Outcome> {
  const course = new Course(tools, call);
  if (call.service.source.kind === 'unit') await activateUnit(course, call, call.service.source.unit);
  else await activateImage(course, call);
  await course.health();
  return course.finish();
}

/**
 * bin/stop if there is one, then the end of all that is left in the service's scope. A hook that fails is told, and holds nothing
 * up: it is of the image that goes, and the one that mends it must be able to come.
 */
export async function stop(tools: ServiceTools, call: ServiceCall): Promise<Outcome> {
  const course = new Course(tools, call);
  const { service } = call;
  if (service.source.kind === 'unit') {
    const { unit } = service.source;
    await course.unit('stop', () => tools.units.stop(unit, service.timeoutMs));
    return course.finish();
  }
  await course.hook('stop', {});
  const end = new Course(tools, call);
  await end.attempt('stop', () => tools.hooks.containment.end(serviceScope(service.id), STOP_GRACE_MS));
  const ended = await end.finish();
  if (!ended.ok) return ended;
  const asked = await course.finish();
  return asked.ok ? asked : { ok: true, steps: asked.steps, unheeded: asked };
}

/** bin/drain if there is one: a notice has come, and a load balancer sends its last requests. A unit has none. */
export async function drain(tools: ServiceTools, call: ServiceCall & { readonly cfg: CfgContent }): Promise<Outcome> {
  const course = new Course(tools, call);
  const { service, directory } = call;
  if (service.source.kind === 'image') {
    await course.attempt('drain', async () => {
      if (!(await hasHook(directory, 'drain', service.id))) return;
      await withServiceCfg(course, call, (cfg) => course.hook('drain', { cfg }));
    });
  }
  return course.finish();
}

/** One look, for each sync. */
export function check(tools: ServiceTools, call: ServiceCall): Promise<ProbeResult | 'nothing-to-check'> {
  return probeService(tools, call);
}

/** For one that shall not run: its check would not say it, because whoever has its port by now answers that. */
export async function isRunning(tools: ServiceTools, { id, source }: ServiceSpec): Promise<boolean> {
  if (source.kind === 'unit') return tools.units.isActive(source.unit);
  return (await tools.hooks.containment.members(serviceScope(id))).length > 0;
}

const STOP_GRACE_MS = 5_000;

async function activateImage(course: Course, call: Activation): Promise<void> {
  const { service } = call;
  const first = call.begin ?? 'configure';
  await course.attempt(first, async () => {
    for (const hook of HOOKS.slice(HOOKS.indexOf(first))) {
      if (!course.failed) await withServiceCfg(course, call, (cfg) => course.hook(hook, { cfg }));
    }
  });
  if (course.skipped('start') && call.needsStart !== false) course.fail('start', hookMissing(service.id), '');
}

const HOOKS = ['configure', 'start'] as const;

/** Its cfg, there for as long as `use` takes. */
async function withServiceCfg(
  course: Course,
  { service, directory, cfg }: ServiceCall & { readonly cfg: CfgContent },
  use: (path: string) => Promise<void>,
): Promise<void> {
  const owner = await accountOf(service.user, `service:${service.id}`);
  await withCfg(course.tools.cfg, { service: service.id, directory, owner }, renderCfg(cfg), use);
}

async function activateUnit(course: Course, call: Activation, unit: string): Promise<void> {
  const { units } = course.tools;
  const { timeoutMs } = call.service;
  const verb = (await units.isActive(unit)) ? thenOf(call) : 'start';
  await course.unit('start', () => units.enable(unit, timeoutMs));
  if (!course.failed) await course.unit(verb, () => units[verb](unit, timeoutMs));
}

/** One that is active although its check fails would do nothing at `start`. */
function thenOf(call: Activation): 'reload' | 'restart' {
  return call.begin === 'start' ? 'restart' : call.service.then;
}
