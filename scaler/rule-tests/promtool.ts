import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { parseDuration } from '../../common/duration.js';
import { errorCode, KernscaleError } from '../../common/errors.js';
import type { Query } from '../loop/signals.js';
import { failed, type QueryResult, type VectorSample } from '../promql/response.js';
import type { InputSeries } from './schema.js';

const MAX_OUTPUT_BYTES = 512 * 1024 * 1024;

/** Instant query; `time` in seconds from the first value of the series. */
export interface InstantQuery {
  readonly expr: string;
  readonly time: number;
}

/**
 * Evaluates instant queries over test series in Prometheus' own engine.
 *
 * `promtool test rules` prints the result of every expression that differs from the expected one. The expected result
 * is always empty, so it prints all results that are not.
 *
 * @param interval time between two values of a series, as a Prometheus duration
 * @returns looks up the result of one of the queries; any other query fails
 * @throws KernscaleError `PROMTOOL_MISSING`, or `PROMTOOL_FAILED` with promtool's message, for example on invalid series
 */
export async function evaluate(
  promtool: string,
  series: readonly InputSeries[],
  interval: string,
  queries: readonly InstantQuery[],
): Promise<Query> {
  const evaluated = new Map(queries.map((query) => [keyOf(query), query]));
  const file = {
    evaluation_interval: interval,
    tests: [
      {
        interval,
        input_series: series,
        promql_expr_test: [...evaluated.values()].map(({ expr, time }) => ({
          expr,
          eval_time: `${Math.round(time * 1000)}ms`,
        })),
      },
    ],
  };
  const results = parseReport(await report(promtool, file));
  return (expr, time) => {
    const key = keyOf({ expr, time });
    const empty: QueryResult = evaluated.has(key)
      ? { ok: true, samples: [] }
      : failed('query_error', `the test does not evaluate this expression at ${time} s`);
    return Promise.resolve(results.get(key) ?? empty);
  };
}

async function report(promtool: string, file: object): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'kernscale-test-'));
  try {
    const path = join(folder, 'queries.yaml');
    await writeFile(path, stringify(file, { aliasDuplicateObjects: false }));
    return await run(promtool, ['test', 'rules', path], folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** @param temporary folder for promtool's storage, which it leaves behind when it rejects a series */
function run(command: string, argv: readonly string[], temporary: string): Promise<string> {
  const options = { maxBuffer: MAX_OUTPUT_BYTES, env: { ...process.env, TMPDIR: temporary } };
  return new Promise((resolve, reject) => {
    execFile(command, argv, options, (error, stdout, stderr) => {
      const code = errorCode(error);
      if (code === 'ENOENT' || code === 'EACCES') {
        reject(new KernscaleError('PROMTOOL_MISSING', `cannot run ${command}`, { cause: error }));
        // Exit status 1 is expected: results that are not empty fail promtool's test.
      } else if (error && error.code !== 1) {
        reject(new KernscaleError('PROMTOOL_FAILED', `${command} failed`, { cause: error }));
      } else resolve(`${stdout}\n${stderr}`);
    });
  });
}

const HEADING = /^\s*(Unit Testing: .*|FAILED:|SUCCESS|name: .*|exp: ?nil)?$/;
const QUERY = /^\s*expr: ("(?:[^"\\]|\\.)*"), time: (\w+),(?: err: (.*))?$/;
const GOT = /^\s*got: ?(.*)$/;

/** Parses promtool's report on expressions whose expected result is empty. */
function parseReport(output: string): Map<string, QueryResult> {
  const results = new Map<string, QueryResult>();
  let current = '';
  for (const line of output.split('\n')) {
    const query = QUERY.exec(line);
    const got = GOT.exec(line);
    if (query) {
      const [, expr = '', time = '', error] = query;
      current = keyOf({ expr: unquote(expr), time: parseDuration(time) });
      if (error !== undefined) results.set(current, failed('query_error', error));
    } else if (got) {
      results.set(current, parseSamples(got[1]!));
    } else if (!HEADING.test(line)) {
      throw new KernscaleError('PROMTOOL_FAILED', line.trim());
    }
  }
  return results;
}

const LABEL = /([\w:]+)=("(?:[^"\\]|\\.)*")/g;
const SAMPLE = /\{((?:[\w:]+="(?:[^"\\]|\\.)*"(?:, )?)*)\} ([^\s,{]+)(?:, |$)/y;

/** Parses `{a="b"} 1E+00, {a="c"} NaN`. */
function parseSamples(text: string): QueryResult {
  const samples: VectorSample[] = [];
  SAMPLE.lastIndex = 0;
  while (SAMPLE.lastIndex < text.length) {
    const at = SAMPLE.lastIndex;
    const [, labels = '', value = ''] = SAMPLE.exec(text) ?? [];
    if (value === '') return failed('histogram', `${text.slice(at)} is not a number`);
    samples.push({
      labels: Object.fromEntries(
        [...labels.matchAll(LABEL)].map(([, name, quoted]) => [name!, unquote(quoted!)]),
      ),
      timestamp: 0,
      value: parseNumber(value),
    });
  }
  return { ok: true, samples };
}

function parseNumber(text: string): number {
  return Number(text.replace('Inf', 'Infinity'));
}

/** Parses a quoted string of Go, which is a JSON string except for \a, \v and \x. */
function unquote(quoted: string): string {
  const json = quoted.replace(/\\(a|v|x([0-9a-f]{2})|.)/g, (escape, kind: string, hex?: string) => {
    if (hex !== undefined) return `\\u00${hex}`;
    return { a: '\\u0007', v: '\\u000b' }[kind] ?? escape;
  });
  return JSON.parse(json) as string;
}

function keyOf({ expr, time }: InstantQuery): string {
  return `${Math.round(time * 1000)} ${expr}`;
}
