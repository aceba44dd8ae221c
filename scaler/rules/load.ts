import { resolve } from 'node:path';
import { getOrCompute } from '../../common/once.js';
import { workloadKey, type WorkloadKey } from '../core/types.js';
import { parseDocuments, type Path, type Position, type YamlDocument } from '../../common/yaml/document.js';
import { manifestsIn } from '../import/manifests.js';
import { checkPromql, type CheckPromql } from '../promql/check.js';
import { schemaFindings, valueAt } from './findings.js';
import { changedMeanings } from './changes.js';
import { duplicates } from './checking.js';
import { checkGroup, checkRule, knownSignals } from './checks.js';
import { resolveGroup } from './defaults.js';
import { readFiles, type ReadFile } from './files.js';
import { lintFile, shadowedRules, type LintOptions } from './lint.js';
import { atDefaults, rawWithDefaults, withDefaults } from './group-defaults.js';
import { fileSchema, ruleSchema, type RawGroup } from './schema.js';
import type { RuleError, RuleFile, RuleFinding, RuleGroup } from './types.js';

export interface LoadedRules {
  /** Groups of the files without errors. */
  readonly groups: readonly RuleGroup[];
  /** Errors of all files, by position. */
  readonly errors: readonly RuleError[];
  /** Likely mistakes in the files without errors; empty unless requested. */
  readonly warnings: readonly RuleError[];
  /** Fields of the files without errors that mean something else than in the first release; only with warnings. */
  readonly notes: readonly RuleError[];
  /** Every file that could be read. */
  readonly files: readonly RuleFile[];
}

/** Workload that a rule names, with the position of the rule. */
interface Target extends Position {
  readonly key: WorkloadKey;
  readonly group?: string;
  readonly rule?: string;
}

interface ParsedFile extends LoadedRules {
  /** Targets of the valid and of the broken rules. */
  readonly targets: readonly Target[];
}

/**
 * Loads rule files. A file that several paths name is loaded once.
 *
 * @param paths files, folders (their *.yaml and *.yml), and patterns with * and ? in the last part
 * @param lint requests warnings
 */
export async function loadRuleFiles(paths: readonly string[], lint?: LintOptions): Promise<LoadedRules> {
  const read: ReadFile[] = [];
  for await (const one of readFiles(paths)) read.push(one);
  return parseRuleFiles(read, lint);
}

/** Parses and checks the texts of rule files together. */
export function parseRuleFiles(
  texts: readonly ReadFile[],
  lint?: LintOptions,
  check: CheckPromql = checkPromql,
): LoadedRules {
  const files = new Map<string, ParsedFile>();
  for (const read of texts) {
    const file = resolve(read.file);
    if (files.has(file)) continue;
    if ('text' in read) files.set(file, parseFile(read.file, read.text, lint, check));
    else files.set(file, { groups: [], errors: [read], warnings: [], notes: [], files: [], targets: [] });
  }
  const loaded = combine([...files.values()]);
  const shadowed = lint ? shadowedRules(loaded.groups) : [];
  return { ...loaded, warnings: [...loaded.warnings, ...shadowed] };
}

/** Parses and checks the text of one rule file. */
export function parseRules(file: string, text: string, lint?: LintOptions): LoadedRules {
  return combine([parseFile(file, text, lint, checkPromql)]);
}

function parseFile(
  file: string,
  text: string,
  lint: LintOptions | undefined,
  check: CheckPromql,
): ParsedFile {
  const documents = parseDocuments(file, text).filter((document) => !document.empty);
  const errors = [
    ...documents.flatMap((document) => errorsOf(document, check)),
    ...duplicateGroups(documents),
  ];
  const good = errors.length === 0 ? documents : [];
  const groups = good.flatMap((document) => groupsOf(document, file));
  return {
    groups,
    errors,
    warnings: good.flatMap((document) => (lint ? warningsOf(document, lint) : [])).sort(byPosition),
    notes: lint ? notesOf(good).sort(byPosition) : [],
    files: [{ file, text, rules: groups.flatMap(({ rules }) => rules).length }],
    targets: documents.flatMap((document) => targetsOf(document)),
  };
}

/** Orders errors by file, then by position. */
function combine(files: readonly ParsedFile[]): LoadedRules {
  const shared = sharedTargets(files.flatMap(({ targets }) => targets));
  const errors = files.flatMap((file) => file.errors);
  const order = new Map(
    [...new Set([...errors, ...shared].map(({ file }) => file))].map((file, i) => [file, i]),
  );
  return {
    groups: files.flatMap(({ groups }) => groups),
    warnings: files.flatMap(({ warnings }) => warnings),
    notes: files.flatMap(({ notes }) => notes),
    files: files.flatMap((file) => file.files),
    errors: [...errors, ...shared].sort(
      (a, b) => order.get(a.file)! - order.get(b.file)! || byPosition(a, b),
    ),
  };
}

/** Formats an error as `file:line:column: group "g", rule "r": message`. */
export function formatRuleError(error: RuleError): string {
  const { file, line, column, code, group, rule, message } = error;
  const severity = code.startsWith('LINT_') ? 'warning: ' : code.startsWith('NOTE_') ? 'note: ' : '';
  const within = [
    ...(group === undefined ? [] : [`group "${group}"`]),
    ...(rule === undefined ? [] : [`rule "${rule}"`]),
  ].join(', ');
  return `${file}:${line}:${column}: ${severity}${within === '' ? '' : `${within}: `}${message}`;
}

function errorsOf(document: YamlDocument, check: CheckPromql): RuleError[] {
  const { value } = document;
  const broken = yamlErrors(document);
  if (value === undefined) return broken;
  if (valueAt(value, ['rule_files']) !== undefined) {
    const message = 'this is a rule test file; run it with kernscale test';
    const position = document.locatePointer({ path: ['rule_files'], atKey: true });
    return [{ ...position, code: 'RULE_WRONG_FILE', message }];
  }
  const [foreign] = manifestsIn(value);
  if (foreign) {
    const message = `this is a ${foreign.kind}, not a rule file; run kernscale import to make rules of it`;
    const position = document.locatePointer({ path: [...foreign.path, 'kind'], atKey: true });
    return [{ ...position, code: 'RULE_WRONG_FILE', message }];
  }
  const findings: RuleFinding[] = [...schemaFindings(fileSchema, value), ...checkFile(value, check)];
  // Each rule finds what is wrong with the defaults.
  const found = new Map(findings.map((finding) => [JSON.stringify(finding), finding]));
  return [...broken, ...[...found.values()].map((finding) => toError(finding, document))];
}

/** File and name identify a group, so the documents of a file share one set of names. */
function duplicateGroups(documents: readonly YamlDocument[]): RuleError[] {
  const seen = new Set<string>();
  return documents.flatMap((document) =>
    duplicates(namesOf(document.value, ['groups'], 'name'), 'another group of this file', seen).map(
      (finding) => toError(finding, document),
    ),
  );
}

function warningsOf(document: YamlDocument, lint: LintOptions): RuleError[] {
  return lintFile(groupsIn(document), lint).map((finding) => toError(finding, document));
}

/** Says each note once a file, which may have several documents. */
function notesOf(documents: readonly YamlDocument[]): RuleError[] {
  const notes = new Map<RuleFinding['code'], RuleError>();
  for (const document of documents) {
    for (const finding of changedMeanings(groupsIn(document))) {
      getOrCompute(notes, finding.code, () => toError(finding, document));
    }
  }
  return [...notes.values()];
}

/** Checks what the schema cannot. */
function checkFile(file: unknown, check: CheckPromql): RuleFinding[] {
  const findings: RuleFinding[] = [];
  listAt(file, ['groups']).forEach((group, index) => {
    const path = ['groups', index];
    const rulesPath = [...path, 'rules'];
    findings.push(...checkGroup(group, path, check));
    findings.push(...duplicates(namesOf(file, rulesPath, 'scale'), 'another rule of this group'));
    const signals = knownSignals(group);
    listAt(file, rulesPath).forEach((rule, ruleIndex) => {
      const rulePath = [...rulesPath, ruleIndex];
      const found = checkRule(rawWithDefaults(rule, group), rulePath, signals);
      findings.push(...found.map((finding) => atDefaults(finding, rule, rulePath)));
    });
  });
  return findings;
}

function namesOf(file: unknown, path: Path, field: string): { name: string; path: Path }[] {
  return listAt(file, path).flatMap((_, index) => {
    const at = [...path, index, field];
    const name = valueAt(file, at);
    return typeof name === 'string' ? [{ name, path: at }] : [];
  });
}

function listAt(file: unknown, path: Path): readonly unknown[] {
  const list = valueAt(file, path);
  return Array.isArray(list) ? (list as unknown[]) : [];
}

/** Errors of the YAML itself. */
export function yamlErrors({ errors }: YamlDocument): RuleError[] {
  return errors.map((error) => ({ ...error, code: `RULE_${error.code}` as const }));
}

export function toError(finding: RuleFinding, document: YamlDocument): RuleError {
  const { code, path, message } = finding;
  return { ...document.locatePointer(finding), code, ...ownersOf(path, document.value), message };
}

/** Names of the group and the rule that a path leads into. */
function ownersOf(path: Path, file: unknown): { group?: string; rule?: string } {
  const group = path[0] === 'groups' ? valueAt(file, [...path.slice(0, 2), 'name']) : undefined;
  const rule = path[2] === 'rules' ? valueAt(file, [...path.slice(0, 4), 'scale']) : undefined;
  return {
    ...(typeof group === 'string' ? { group } : {}),
    ...(typeof rule === 'string' ? { rule } : {}),
  };
}

/** A valid file, with the defaults of its groups filled in. */
function groupsIn({ value }: YamlDocument): { readonly groups: RawGroup[] } {
  return { groups: fileSchema.parse(value).groups.map(withDefaults) };
}

function groupsOf(document: YamlDocument, file: string): RuleGroup[] {
  return groupsIn(document).groups.map((group, index) => {
    const sources = group.rules.map((_, rule) => document.locate(['groups', index, 'rules', rule]));
    return resolveGroup(group, file, sources);
  });
}

function targetsOf(document: YamlDocument): Target[] {
  const { value } = document;
  return listAt(value, ['groups']).flatMap((_, group) =>
    listAt(value, ['groups', group, 'rules']).flatMap((rule, index): Target[] => {
      const path = ['groups', group, 'rules', index];
      const reference = ruleSchema.shape.scaleTargetRef.safeParse(valueAt(rule, ['scaleTargetRef']));
      if (!reference.success) return [];
      return [{ key: workloadKey(reference.data), ...document.locate(path), ...ownersOf(path, value) }];
    }),
  );
}

/** Finds workloads that two rules name: the rules would undo each other's decisions. */
function sharedTargets(targets: readonly Target[]): RuleError[] {
  const first = new Map<WorkloadKey, Position>();
  return targets.flatMap(({ key, ...target }): RuleError[] => {
    const earlier = first.get(key);
    if (!earlier) {
      first.set(key, target);
      return [];
    }
    const message = `${key} is already scaled by the rule at ${earlier.file}:${earlier.line}; keep one of them`;
    return [{ ...target, code: 'RULE_DUPLICATE_TARGET', message }];
  });
}

function byPosition(a: Position, b: Position): number {
  return a.line - b.line || a.column - b.column;
}
