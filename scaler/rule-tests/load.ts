import { dirname, resolve } from 'node:path';
import { parseDuration } from '../../common/duration.js';
import { parseKey } from '../core/types.js';
import { assign } from '../loop/assignments.js';
import { parseDocuments, type Path, type RuleDocument } from '../rules/document.js';
import { readFiles } from '../rules/files.js';
import { findingsOf, type Finding } from '../rules/issues.js';
import { loadRuleFiles } from '../rules/load.js';
import { suggestion } from '../rules/nearest.js';
import { checkPromql } from '../rules/promql.js';
import type { Position, RuleError, RuleGroup } from '../rules/types.js';
import { TestCluster } from './cluster.js';
import { testFileSchema, type RawTest, type RawTestFile, type ScaleTest } from './schema.js';

/** One expectation, with where it stands and the workload that it is about. */
export interface Expectation extends ScaleTest {
  readonly at: Position;
  readonly workload: string;
}

export interface RuleTest {
  readonly test: RawTest;
  readonly groups: readonly RuleGroup[];
  /** Time between two rounds in place of the groups' own. */
  readonly evaluationInterval: string | undefined;
  readonly expectations: readonly Expectation[];
  readonly at: Position;
}

export interface LoadedTests {
  /** The tests of the files without errors. */
  readonly tests: readonly RuleTest[];
  /** Every error of every test file, and of the rule files that they name. */
  readonly errors: readonly RuleError[];
}

/**
 * Loads rule test files and the rules that they test.
 *
 * @param paths files, folders (their *.yaml and *.yml) and patterns with * and ? in the last part
 */
export async function loadTestFiles(paths: readonly string[]): Promise<LoadedTests> {
  const tests: RuleTest[] = [];
  const errors: RuleError[] = [];
  for await (const read of readFiles(paths)) {
    const loaded = 'text' in read ? await loadTests(read.file, read.text) : { tests: [], errors: [read] };
    tests.push(...loaded.tests);
    errors.push(...loaded.errors);
  }
  return { tests, errors };
}

async function loadTests(file: string, text: string): Promise<LoadedTests> {
  const tests: RuleTest[] = [];
  const errors: RuleError[] = [];
  for (const document of parseDocuments(file, text)) {
    if (document.empty) continue;
    const loaded = await readTests(file, document);
    tests.push(...loaded.tests);
    errors.push(...loaded.errors);
  }
  return errors.length > 0 ? { tests: [], errors } : { tests, errors };
}

async function readTests(file: string, document: RuleDocument): Promise<LoadedTests> {
  if (document.faults.length > 0) {
    const errors = document.faults.map(({ duplicateKey, ...fault }): RuleError => {
      return { ...fault, code: duplicateKey ? 'RULE_DUPLICATE_KEY' : 'RULE_YAML' };
    });
    return { tests: [], errors };
  }
  const parsed = testFileSchema.safeParse(document.value);
  if (!parsed.success) {
    const findings = findingsOf(parsed.error.issues, document.value, testFileSchema);
    return { tests: [], errors: findings.map((finding) => toError(finding, document)) };
  }
  const { rule_files: ruleFiles, evaluation_interval: evaluationInterval, tests } = parsed.data;
  const rules = await loadRuleFiles(ruleFiles.map((path) => resolve(dirname(file), path)));
  if (rules.errors.length > 0) return { tests: [], errors: rules.errors };
  if (evaluationInterval !== undefined && parseDuration(evaluationInterval) === 0) {
    const at = document.locate(['evaluation_interval']);
    const message = 'evaluation_interval must be longer than 0s';
    return { tests: [], errors: [{ ...at, code: 'RULE_OUT_OF_RANGE', message }] };
  }
  const checked = tests.map((test, index) => checkTest(test, ['tests', index], rules.groups, document));
  return {
    tests: checked.map(({ expectations }, index) => ({
      test: tests[index]!,
      groups: rules.groups,
      evaluationInterval,
      expectations,
      at: document.locate(['tests', index]),
    })),
    errors: checked.flatMap(({ findings }) => findings.map((finding) => toError(finding, document))),
  };
}

/** Checks what the schema cannot. */
function checkTest(
  test: RawTestFile['tests'][number],
  path: Path,
  groups: readonly RuleGroup[],
  document: RuleDocument,
): { expectations: Expectation[]; findings: Finding[] } {
  const findings: Finding[] = test.input_series.flatMap(({ series }, index) => {
    const fault = checkPromql(series);
    const at = [...path, 'input_series', index, 'series'];
    return fault ? [{ code: 'RULE_PROMQL', path: at, ...fault }] : [];
  });
  for (const key of Object.keys(test.workloads)) {
    if (parseKey(key)) continue;
    const message = `"${key}" is no workload; write it like shop/Deployment/checkout`;
    findings.push({ code: 'RULE_WRONG_VALUE', path: [...path, 'workloads', key], atKey: true, message });
  }
  const scaled = scaledBy(groups, test);
  const expectations: Expectation[] = [];
  test.scale_test.forEach((expected, index) => {
    const at = [...path, 'scale_test', index];
    const found = workloadOf(expected, scaled);
    if ('workload' in found) {
      expectations.push({ ...expected, ...found, at: document.locate(at) });
    } else findings.push({ code: 'TEST_UNKNOWN_TARGET', path: [...at, found.field], message: found.message });
  });
  return { expectations, findings };
}

/** Rule name → the workloads of the test that it scales. */
function scaledBy(groups: readonly RuleGroup[], { workloads }: RawTest): Map<string, string[]> {
  const scaled = new Map<string, string[]>();
  for (const { rules } of groups) for (const { scale } of rules) scaled.set(scale, []);
  for (const { key, rule } of assign(groups, new TestCluster(workloads).view.workloads()).values()) {
    if (Object.hasOwn(workloads, key)) scaled.get(rule.scale)?.push(key);
  }
  return scaled;
}

function workloadOf(
  { scale, workload }: ScaleTest,
  scaled: ReadonlyMap<string, readonly string[]>,
): { workload: string } | { field: string; message: string } {
  const candidates = scaled.get(scale);
  if (!candidates) {
    const names = [...scaled.keys()];
    const hint = suggestion(scale, names) || `; there are ${names.join(', ')}`;
    return { field: 'scale', message: `no rule is named "${scale}"${hint}` };
  }
  if (workload !== undefined && candidates.includes(workload)) return { workload };
  const [only, second] = candidates;
  if (only === undefined) {
    return { field: 'scale', message: `"${scale}" scales none of the test's workloads; add one it is for` };
  }
  const list = candidates.join(', ');
  if (workload !== undefined) {
    return { field: 'workload', message: `"${scale}" does not scale ${workload}; it scales ${list}` };
  }
  if (second !== undefined) {
    return { field: 'scale', message: `"${scale}" scales ${list}; name one of them in workload` };
  }
  return { workload: only };
}

function toError({ code, path, atKey, offset, message }: Finding, document: RuleDocument): RuleError {
  const within = offset === undefined ? document.locate(path) : document.locateWithin(path, offset);
  return { ...(atKey ? document.locateKey(path) : within), code, message };
}
