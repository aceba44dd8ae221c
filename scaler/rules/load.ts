import { resolve } from 'node:path';
import { workloadKey, type WorkloadKey } from '../core/types.js';
import { checkGroup, checkRule, duplicates, knownSignals } from './checks.js';
import { parseDocuments, type Path, type RuleDocument } from './document.js';
import { readFiles } from './files.js';
import { findingsOf, valueAt, type Finding } from './issues.js';
import { lintFile, shadowedRules, type LintOptions } from './lint.js';
import { resolveGroup } from './resolve.js';
import { fileSchema, ruleSchema } from './schema.js';
import type { Position, RuleError, RuleGroup } from './types.js';

export interface LoadedRules {
  /** The groups of the files without errors. */
  readonly groups: readonly RuleGroup[];
  /** Every error of every file, in order of their places. */
  readonly errors: readonly RuleError[];
  /** What is allowed, but hardly meant, in the files without errors; empty unless it was asked for. */
  readonly warnings: readonly RuleError[];
}

/** The one workload that a rule names, and where. */
interface Target extends Position {
  readonly key: WorkloadKey;
  readonly group?: string;
  readonly rule?: string;
}

interface ParsedFile extends LoadedRules {
  /** Of broken rules too, as far as they can be read. */
  readonly targets: readonly Target[];
}

/**
 * Loads rule files; one that several paths lead to is loaded once.
 *
 * @param paths files, folders (their *.yaml and *.yml) and patterns with * and ? in the last part
 * @param lint asks for warnings
 */
export async function loadRuleFiles(paths: readonly string[], lint?: LintOptions): Promise<LoadedRules> {
  const files = new Map<string, ParsedFile>();
  for await (const read of readFiles(paths)) {
    const file = resolve(read.file);
    if (files.has(file)) continue;
    if ('text' in read) files.set(file, parseFile(read.file, read.text, lint));
    else files.set(file, { groups: [], errors: [read], warnings: [], targets: [] });
  }
  const loaded = combine([...files.values()]);
  const shadowed = lint ? shadowedRules(loaded.groups) : [];
  return { ...loaded, warnings: [...loaded.warnings, ...shadowed] };
}

/** Parses and checks the text of one rule file. */
export function parseRules(file: string, text: string, lint?: LintOptions): LoadedRules {
  return combine([parseFile(file, text, lint)]);
}

function parseFile(file: string, text: string, lint: LintOptions | undefined): ParsedFile {
  const documents = parseDocuments(file, text, { salvage: true }).filter((document) => !document.empty);
  const errors = [...documents.flatMap((document) => examine(document)), ...duplicateGroups(documents)];
  const good = errors.length === 0 ? documents : [];
  return {
    groups: good.flatMap((document) => groupsOf(document, file)),
    errors,
    warnings: good.flatMap((document) => (lint ? warningsOf(document, lint) : [])).sort(byPlace),
    targets: documents.flatMap((document) => targetsOf(document)),
  };
}

/** In the order of the files, then of the places in each. */
function combine(files: readonly ParsedFile[]): LoadedRules {
  const shared = sharedTargets(files.flatMap(({ targets }) => targets));
  const errors = files.flatMap((file) => file.errors);
  const order = new Map(
    [...new Set([...errors, ...shared].map(({ file }) => file))].map((file, i) => [file, i]),
  );
  return {
    groups: files.flatMap(({ groups }) => groups),
    warnings: files.flatMap(({ warnings }) => warnings),
    errors: [...errors, ...shared].sort((a, b) => order.get(a.file)! - order.get(b.file)! || byPlace(a, b)),
  };
}

/** `file:line:column: group "g", rule "r": message`, as people and editors read it; of a warning it is said that it is one. */
export function formatRuleError(error: RuleError): string {
  const { file, line, column, code, group, rule, message } = error;
  const severity = code.startsWith('LINT_') ? 'warning: ' : '';
  const within = [
    ...(group === undefined ? [] : [`group "${group}"`]),
    ...(rule === undefined ? [] : [`rule "${rule}"`]),
  ].join(', ');
  return `${file}:${line}:${column}: ${severity}${within === '' ? '' : `${within}: `}${message}`;
}

function examine(document: RuleDocument): RuleError[] {
  const faults = document.faults.map(({ duplicateKey, ...fault }): RuleError => ({
    ...fault,
    code: duplicateKey ? 'RULE_DUPLICATE_KEY' : 'RULE_YAML',
  }));
  const { value } = document;
  if (value === undefined) return faults;
  if (valueAt(value, ['rule_files']) !== undefined) {
    const message = 'this is a file of rule tests; kernscale test runs it';
    return [{ ...document.locateKey(['rule_files']), code: 'RULE_WRONG_FILE', message }];
  }
  const issues = fileSchema.safeParse(value).error?.issues ?? [];
  const findings = findingsOf(issues, value, fileSchema);
  findings.push(...checkMeaning(value));
  const sound = findings.filter((finding) => standsAlone(finding, document));
  return [...faults, ...sound.map((finding) => toError(finding, document))];
}

/** Whether a finding holds whatever the broken parts of its document were meant to say. */
function standsAlone({ code, path }: Finding, document: RuleDocument): boolean {
  if (code === 'RULE_UNKNOWN_SIGNAL') return document.isWhole(path.slice(0, 2), true);
  return document.isWhole(path, code === 'RULE_MISSING_FIELD' || valueAt(document.value, path) === null);
}

/** A group is known by its file and name, so the documents of a file share one set of names. */
function duplicateGroups(documents: readonly RuleDocument[]): RuleError[] {
  const seen = new Set<string>();
  return documents.flatMap((document) =>
    duplicates(namesOf(document.value, ['groups'], 'name'), 'another group of this file', seen).map(
      (finding) => toError(finding, document),
    ),
  );
}

function warningsOf(document: RuleDocument, lint: LintOptions): RuleError[] {
  return lintFile(fileSchema.parse(document.value), lint).map((finding) => toError(finding, document));
}

/** Checks what the schema cannot. */
function checkMeaning(file: unknown): Finding[] {
  const findings: Finding[] = [];
  listAt(file, ['groups']).forEach((group, index) => {
    const path = ['groups', index];
    const rulesPath = [...path, 'rules'];
    findings.push(...checkGroup(group, path));
    findings.push(...duplicates(namesOf(file, rulesPath, 'scale'), 'another rule of this group'));
    const signals = knownSignals(group);
    listAt(file, rulesPath).forEach((rule, ruleIndex) => {
      findings.push(...checkRule(rule, [...rulesPath, ruleIndex], signals));
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

function toError({ code, path, atKey, offset, message }: Finding, document: RuleDocument): RuleError {
  return { ...place({ path, atKey, offset }, document), code, ...owners(path, document.value), message };
}

function place(
  { path, atKey, offset }: { path: Path; atKey: boolean | undefined; offset: number | undefined },
  document: RuleDocument,
): Position {
  if (offset !== undefined) return document.locateWithin(path, offset);
  return atKey ? document.locateKey(path) : document.locate(path);
}

function owners(path: Path, file: unknown): { group?: string; rule?: string } {
  const group = path[0] === 'groups' ? valueAt(file, [...path.slice(0, 2), 'name']) : undefined;
  const rule = path[2] === 'rules' ? valueAt(file, [...path.slice(0, 4), 'scale']) : undefined;
  return {
    ...(typeof group === 'string' ? { group } : {}),
    ...(typeof rule === 'string' ? { rule } : {}),
  };
}

function groupsOf(document: RuleDocument, file: string): RuleGroup[] {
  return fileSchema.parse(document.value).groups.map((group, index) => {
    const sources = group.rules.map((_, rule) => document.locate(['groups', index, 'rules', rule]));
    return resolveGroup(group, file, sources);
  });
}

function targetsOf(document: RuleDocument): Target[] {
  const { value } = document;
  return listAt(value, ['groups']).flatMap((_, group) =>
    listAt(value, ['groups', group, 'rules']).flatMap((rule, index): Target[] => {
      const path = ['groups', group, 'rules', index];
      const reference = ruleSchema.shape.scaleTargetRef.safeParse(valueAt(rule, ['scaleTargetRef']));
      if (!reference.success) return [];
      return [{ key: workloadKey(reference.data), ...document.locate(path), ...owners(path, value) }];
    }),
  );
}

/** Two rules for one workload would undo each other's decisions. */
function sharedTargets(targets: readonly Target[]): RuleError[] {
  const assignments = new Map<WorkloadKey, Position>();
  return targets.flatMap(({ key, ...place }): RuleError[] => {
    const first = assignments.get(key);
    if (!first) {
      assignments.set(key, place);
      return [];
    }
    const message = `${key} is scaled by the rule at ${first.file}:${first.line} already; keep one of the two`;
    return [{ ...place, code: 'RULE_DUPLICATE_TARGET', message }];
  });
}

function byPlace(a: Position, b: Position): number {
  return a.line - b.line || a.column - b.column;
}
