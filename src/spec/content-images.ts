import { suggest } from '../lib/suggest.ts';
import { Findings, type FindingsOf } from './findings.ts';
import { shapeProblem } from './paths.ts';
import type { ServiceSpec, Spec } from './spec.ts';
import { ARCHIVES } from './types.ts';

const SERVICES = 'services/';
/** What haulout calls (DESIGN §7); images made for enStratus use its names. */
const HOOKS = ['configure', 'start', 'drain', 'stop', 'check', 'failed'];
const CALLED = /^(bin\/(configure|start|drain|stop|check|failed|enstratus-[a-z]+)|etc\/(services|run|promise)\/.+)$/;

/** `services/planet` -> the paths in it; an archive's content is not known here. */
type Images = ReadonlyMap<string, readonly string[]>;

export function imageFindings(spec: Spec, paths: readonly string[]): FindingsOf {
  const findings = new Findings();
  const images = imagesOf(paths, findings);
  const wanted = spec.services.filter((service) => service.state !== 'absent');
  for (const service of wanted) checkImage(service, images, findings);
  for (const [image, files] of images) checkHooks(image, files, findings);
  checkTwins(images, findings);
  checkUnused(spec, images, findings);
  return findings;
}

function imagesOf(paths: readonly string[], findings: Findings): Images {
  const images = new Map<string, string[]>();
  for (const path of paths) {
    if (!path.startsWith(SERVICES)) continue;
    const problem = shapeProblem(`/${path}`);
    const slash = path.indexOf('/', SERVICES.length);
    const image = slash < 0 ? path : path.slice(0, slash);
    if (problem) findings.mistake(path, problem.what, 'remove the object, or upload it under another name');
    else if (slash < 0 && !isArchive(path))
      findings.warn(path, 'this is neither a directory nor an archive', `use one of ${ARCHIVES.join(' ')}`);
    else {
      const files = images.get(image) ?? [];
      if (slash >= 0) files.push(path.slice(slash + 1));
      images.set(image, files);
    }
  }
  return images;
}

function isArchive(path: string): boolean {
  return ARCHIVES.some((end) => path.endsWith(end));
}

function stemOf(image: string): string {
  const end = ARCHIVES.find((known) => image.endsWith(known)) ?? '';
  return image.slice(0, image.length - end.length);
}

function checkImage(service: ServiceSpec, images: Images, findings: Findings): void {
  if (service.source.kind !== 'image') return;
  const { path } = service.source;
  const files = images.get(path);
  if (!files) {
    const names = [...images.keys()];
    const near = names.find((name) => stemOf(name) === stemOf(path)) ?? suggest(path, names);
    const instead = near ? `did you mean \`${near}\`?` : 'upload it, or correct `image`';
    findings.mistake(service.at, 'the image of this service is not in the bucket', instead);
  } else if (files.length > 0 && !files.some((file) => CALLED.test(file))) {
    const instead = `put one of ${HOOKS.map((hook) => `bin/${hook}`).join(', ')} into it`;
    findings.mistake(service.at, 'the image of this service has no hook', instead);
  }
}

/**
 * | in bin/                        | verdict                        |
 * | ------------------------------ | ------------------------------ |
 * | `start`                        | a hook                         |
 * | `start.sh`, and no `start`     | warned: hooks have no ending   |
 * | `confgure`, and no `configure` | warned: did you mean           |
 * | `refresh`                      | a program of the image's own   |
 */
function checkHooks(image: string, files: readonly string[], findings: Findings): void {
  const inBin = files.filter((file) => /^bin\/[^/]+$/.test(file)).map((file) => file.slice('bin/'.length));
  const missing = HOOKS.filter((hook) => !inBin.includes(hook));
  for (const name of inBin) {
    if (HOOKS.includes(name)) continue;
    const bare = name.replace(/\.[a-z0-9]+$/i, '');
    const where = `${image}/bin/${name}`;
    const near = suggest(bare, missing);
    if (near === bare) findings.warn(where, 'a hook has no ending in its name', `call it \`bin/${near}\``);
    else if (near) findings.warn(where, 'this is not called by haulout', `did you mean \`bin/${near}\`?`);
  }
}

function checkTwins(images: Images, findings: Findings): void {
  const first = new Map<string, string>();
  for (const image of [...images.keys()].sort()) {
    const stem = isArchive(image) ? stemOf(image) : image;
    const twin = first.get(stem);
    if (twin !== undefined)
      findings.mistake(image, `${twin} is there too: nobody can say which is meant`, 'remove one of them');
    else first.set(stem, image);
  }
}

function checkUnused(spec: Spec, images: Images, findings: Findings): void {
  const used = new Set(spec.services.map(({ source }) => (source.kind === 'image' ? source.path : '')));
  for (const image of images.keys()) {
    if (used.has(image)) continue;
    findings.warn(image, 'no service has this image', `write a section with \`image = ${image}\`, or remove it`);
  }
}
