/**
 * The rules of the house, DESIGN §3, as functions over sources: rooms, imports, shapes. They take texts by path, so that a
 * test can also show that each rule sees what it is there for.
 */
import ts from 'typescript';

export type Sources = ReadonlyMap<string, string>;

export interface Import {
  /** `src/plan/plan.ts` */
  readonly from: string;
  readonly line: number;
  /** As written: `../lib/log.ts`, `node:fs`, `ini`. */
  readonly word: string;
  /** The path it means, for a relative one. */
  readonly to: string | undefined;
  readonly typeOnly: boolean;
}

export const ROOMS =
  'lib aws userdata metadata bucket spec ledger fleet plan apply services status agent cloud cli'.split(' ');
const MOST_LINES = 300;
const VAGUE = /(^|\/)(utils?|types|common|helpers|shared|misc)\//;

export function importsOf(sources: Sources): Import[] {
  return [...sources].flatMap(([from, text]) => {
    const tree = ts.createSourceFile(from, text, ts.ScriptTarget.Latest, true);
    const found: Import[] = [];
    const add = (node: ts.Node, specifier: ts.Node | undefined, typeOnly: boolean): void => {
      if (!specifier || !ts.isStringLiteralLike(specifier)) return;
      const line = tree.getLineAndCharacterOfPosition(node.getStart(tree)).line + 1;
      const word = specifier.text;
      found.push({ from, line, word, typeOnly, to: word.startsWith('.') ? resolved(from, word) : undefined });
    };
    const visit = (node: ts.Node): void => {
      if (ts.isImportDeclaration(node)) {
        add(node, node.moduleSpecifier, node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword);
      } else if (ts.isExportDeclaration(node)) add(node, node.moduleSpecifier, node.isTypeOnly);
      else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node, node.argument.literal, true);
      else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
        add(node, node.arguments[0], false);
      ts.forEachChild(node, visit);
    };
    visit(tree);
    return found;
  });
}

/** A room imports from itself and from rooms to its left; `cloud` from `lib` and `aws` alone. Types count. */
export function wrongRooms(imports: readonly Import[]): string[] {
  return imports.flatMap((found) => {
    if (found.to === undefined) return [];
    const [here, there] = [roomOf(found.from), roomOf(found.to)];
    if (here === undefined || here === there) return [];
    const allowed = here === 'cloud' ? ['lib', 'aws'] : ROOMS.slice(0, ROOMS.indexOf(here));
    return there !== undefined && allowed.includes(there) ? [] : [told(found, `${here} may not import ${there}`)];
  });
}

/** What a room imports by value, near or far, that is no file of ours: `node:` modules and packages. */
export function foreignValues(imports: readonly Import[], room: string): string[] {
  const values = imports.filter(({ typeOnly }) => !typeOnly);
  const ways = new Map<string, string>();
  const queue = [...new Set(imports.map(({ from }) => from))].filter((path) => roomOf(path) === room);
  for (const path of queue) ways.set(path, path);
  const wrong: string[] = [];
  for (let path = queue.shift(); path !== undefined; path = queue.shift()) {
    for (const found of values.filter(({ from }) => from === path)) {
      if (found.to === undefined) wrong.push(told(found, `reached as ${ways.get(path)}`));
      else if (!ways.has(found.to)) {
        ways.set(found.to, `${ways.get(path)} > ${found.to}`);
        queue.push(found.to);
      }
    }
  }
  return wrong;
}

/** Each cycle of value imports once, as the line that closes it. */
export function cycles(imports: readonly Import[]): string[] {
  const edges = new Map<string, Import[]>();
  for (const found of imports) {
    if (!found.typeOnly && found.to !== undefined) edges.set(found.from, [...(edges.get(found.from) ?? []), found]);
  }
  const state = new Map<string, 'open' | 'done'>();
  const wrong: string[] = [];
  const enter = (path: string, way: readonly string[]): void => {
    state.set(path, 'open');
    for (const found of edges.get(path) ?? []) {
      const to = found.to!;
      if (state.get(to) === 'open')
        wrong.push(told(found, `closes ${[...way.slice(way.indexOf(to)), to].join(' > ')}`));
      else if (state.get(to) === undefined) enter(to, [...way, to]);
    }
    state.set(path, 'done');
  };
  for (const path of edges.keys()) if (state.get(path) === undefined) enter(path, [path]);
  return wrong;
}

/** No folder without a name of its own, no barrel, no default export, nothing too long to read. */
export function wrongShapes(sources: Sources): string[] {
  return [...sources].flatMap(([path, text]) => {
    const lines = text.split('\n');
    const wrong: string[] = [];
    if (VAGUE.test(path)) wrong.push(`${path}:1: a folder named for nothing`);
    if (/\/index\.\w+$/.test(path)) wrong.push(`${path}:1: a barrel`);
    if (lines.length - 1 > MOST_LINES) wrong.push(`${path}:${MOST_LINES}: ${lines.length - 1} lines`);
    for (const line of defaultExports(path, text)) wrong.push(`${path}:${line}: a default export`);
    return wrong;
  });
}

function defaultExports(path: string, text: string): number[] {
  const tree = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  return tree.statements.flatMap((statement) => {
    const assigned = ts.isExportAssignment(statement);
    const marked =
      ts.canHaveModifiers(statement) &&
      (ts.getModifiers(statement) ?? []).some(({ kind }) => kind === ts.SyntaxKind.DefaultKeyword);
    const named =
      ts.isExportDeclaration(statement) &&
      statement.exportClause !== undefined &&
      ts.isNamedExports(statement.exportClause) &&
      statement.exportClause.elements.some(({ name }) => name.text === 'default');
    if (!assigned && !marked && !named) return [];
    return [tree.getLineAndCharacterOfPosition(statement.getStart(tree)).line + 1];
  });
}

/** `src/plan/files.ts` is in `plan`; what stands in src/ itself is in no room. */
export function roomOf(path: string): string | undefined {
  return /^src\/([^/]+)\//.exec(path)?.[1];
}

function resolved(from: string, word: string): string {
  return new URL(word, `file:///${from}`).pathname.slice(1);
}

function told({ from, line, word }: Import, what: string): string {
  return `${from}:${line}: '${word}': ${what}`;
}

/** Clock, chance and the world outside, by the names that JavaScript gives them without any import. */
const OUTSIDE = new Set([
  'Date',
  'performance',
  'process',
  'crypto',
  'fetch',
  'setTimeout',
  'setInterval',
  'globalThis',
]);

/** Law 11: what decides takes the time and everything else as data. */
export function impureNames(sources: Sources, room: string): string[] {
  const found: string[] = [];
  for (const [path, text] of sources) {
    if (roomOf(path) !== room) continue;
    const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
    const visit = (node: ts.Node): void => {
      const chance = ts.isPropertyAccessExpression(node) && node.getText() === 'Math.random';
      if (chance || (ts.isIdentifier(node) && OUTSIDE.has(node.text))) {
        found.push(`${path}:${source.getLineAndCharacterOfPosition(node.getStart()).line + 1}: ${node.getText()}`);
      }
      ts.forEachChild(node, visit);
    };
    visit(source);
  }
  return found;
}
