import { dirname, resolve } from 'node:path';
import { parseDuration } from '../../common/duration.js';
import { parseKey } from '../core/types.js';
import { assign } from '../loop/assignments.js';
import { checkPromql } from '../promql/check.js';
import { readFiles } from '../rules/files.js';
import { loadRuleFiles, toError, yamlErrors } from '../rules/load.js';
import type { RuleError, RuleFinding, RuleGroup } from '../rules/types.js';
import { parseDocuments, type Path, type Position, type YamlDocument } from '../../common/yaml/document.js';
import { schemaFindings } from '../rules/findings.js';
import { suggestion } from '../rules/suggestion.js';
import { TestCluster } from './cluster.js';
import { testFileSchema, type RawTest, type RawTestFile, type ScaleTest } from './schema.js';

/** Expectation with its position and its workload. */
export interface Expectation extends ScaleTest {
  readonly at: Position;
  readonly workload: string;
}

export interface RuleTest {
  readonly test: RawTest;
  readonly groups: readonly RuleGroup[];
  /** Time between two rounds, in place of the groups' own. */
  readonly evaluationInterval: string | undefined;
  readonly expectations: readonly Expectation[];
  readonly at: Position;
}

export interface LoadedTests {
  /** Tests of the files without errors. */
  readonly tests: readonly RuleTest[];
  /** Errors of all test files, and of the rule files that they name. */
  readonly errors: readonly RuleError[];
}

/**
 * Loads rule test files and the rules that they test.
 *
 * @param paths as for `loadRuleFiles`
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

async function readTests(file: string, document: YamlDocument): Promise<LoadedTests> {
  if (document.errors.length > 0) return { tests: [], errors: yamlErrors(document) };
  const findings = schemaFindings(testFileSchema, document.value);
  if (findings.length > 0) {
    return { tests: [], errors: findings.map((finding) => toError(finding, document)) };
  }
  const {
    rule_files: ruleFiles,
    evaluation_interval: evaluationInterval,
    tests,
  } = testFileSchema.parse(document.value);
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
  document: YamlDocument,
): { expectations: Expectation[]; findings: RuleFinding[] } {
  const findings: RuleFinding[] = test.input_series.flatMap(({ series }, index) => {
    const fault = checkPromql(series);
    const at = [...path, 'input_series', index, 'series'];
    return fault ? [{ code: 'RULE_PROMQL', path: at, ...fault }] : [];
  });
  for (const key of Object.keys(test.workloads)) {
    if (parseKey(key)) continue;
    const message = `"${key}" is not a workload; write it like shop/Deployment/checkout`;
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
function scaledBy(groups: readonly RuleGroup[], test: RawTest): Map<string, string[]> {
  const scaled = new Map<string, string[]>();
  for (const { rules } of groups) for (const { scale } of rules) scaled.set(scale, []);
  for (const { key, rule } of assign(groups, new TestCluster(test).view.workloads()).values()) {
    if (Object.hasOwn(test.workloads, key)) scaled.get(rule.scale)?.push(key);
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
    const advice = suggestion(scale, names) || `; the rules are ${names.join(', ')}`;
    return { field: 'scale', message: `unknown rule "${scale}"${advice}` };
  }
  if (workload !== undefined && candidates.includes(workload)) return { workload };
  const [only, second] = candidates;
  if (only === undefined) {
    return { field: 'scale', message: `"${scale}" scales no workload of this test; add one to workloads` };
  }
  const list = candidates.join(', ');
  if (workload !== undefined) {
    return { field: 'workload', message: `"${scale}" does not scale ${workload}; it scales ${list}` };
  }
  if (second !== undefined) {
    return { field: 'scale', message: `"${scale}" scales ${list}; set workload to one of them` };
  }
  return { workload: only };
}
