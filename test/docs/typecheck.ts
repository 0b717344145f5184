import { join } from 'node:path';
import ts from 'typescript';
import { top } from './pages.ts';

/** A source that is nowhere on disk, as if it stood in test/docs. */
export interface Source {
  readonly name: string;
  readonly text: string;
}

/** What the compiler says of each source, with the repository's own strictness; `haulout/local` is src/cloud/local.ts. */
export class Checked {
  readonly #program: ts.Program;
  readonly #checker: ts.TypeChecker;

  constructor(sources: readonly Source[]) {
    const config = ts.readConfigFile(join(top, 'tsconfig.json'), (path) => ts.sys.readFile(path));
    const { options } = ts.parseJsonConfigFileContent({ ...config.config, include: [], files: [] }, ts.sys, top);
    const texts = new Map(sources.map(({ name, text }) => [pathOf(name), text]));
    const host = ts.createCompilerHost(options);
    const { fileExists, readFile, getSourceFile } = host;
    host.fileExists = (path) => texts.has(path) || fileExists.call(host, path);
    host.readFile = (path) => texts.get(path) ?? readFile.call(host, path);
    host.getSourceFile = (path, languageVersion, ...rest) => {
      const text = texts.get(path);
      return text === undefined
        ? getSourceFile.call(host, path, languageVersion, ...rest)
        : ts.createSourceFile(path, text, languageVersion, true);
    };
    const paths = { 'haulout/local': [join(top, 'src/cloud/local.ts')] };
    this.#program = ts.createProgram([...texts.keys()], { ...options, paths }, host);
    this.#checker = this.#program.getTypeChecker();
  }

  complaints(name: string): string[] {
    const file = this.#program.getSourceFile(pathOf(name));
    if (!file) return ['the compiler did not see it'];
    const found = [...this.#program.getSyntacticDiagnostics(file), ...this.#program.getSemanticDiagnostics(file)];
    return found.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
  }

  /** Members of `export type T = ...` in a source: one list of fields for each part of a union. */
  fields(name: string, type: string): string[][] {
    const file = this.#program.getSourceFile(pathOf(name));
    const symbol = file && this.#checker.getSymbolAtLocation(file);
    const exported = symbol && this.#checker.getExportsOfModule(symbol).find((one) => one.name === type);
    if (!exported) throw new Error(`${name} has no type ${type}`);
    const declared = this.#checker.getDeclaredTypeOfSymbol(exported);
    const parts = declared.isUnion() ? declared.types : [declared];
    return parts.map((part) => part.getProperties().map((property) => property.name));
  }

  /** The value of a field that is a literal: `event: 'ready'`. */
  literals(name: string, type: string, field: string): string[] {
    const file = this.#program.getSourceFile(pathOf(name));
    const symbol = file && this.#checker.getSymbolAtLocation(file);
    const exported = symbol && this.#checker.getExportsOfModule(symbol).find((one) => one.name === type);
    if (!exported || !file) throw new Error(`${name} has no type ${type}`);
    const declared = this.#checker.getDeclaredTypeOfSymbol(exported);
    const parts = declared.isUnion() ? declared.types : [declared];
    return parts.map((part) => {
      const property = part.getProperty(field);
      const literal = property && this.#checker.getTypeOfSymbolAtLocation(property, file);
      return literal?.isStringLiteral() ? literal.value : '';
    });
  }
}

const pathOf = (name: string) => join(top, 'test/docs', name).replaceAll('\\', '/');
