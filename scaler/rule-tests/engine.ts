import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { parseDuration } from '../../common/duration.js';
import { errorCode, KernscaleError } from '../../common/errors.js';
import type { Query } from '../loop/ask.js';
import { failed, type QueryResult, type VectorSample } from '../promql/response.js';
import type { InputSeries } from './schema.js';

const MAX_OUTPUT_BYTES = 512 * 1024 * 1024;

/** An instant query; `time` in seconds from the first value of the series. */
export interface Question {
  readonly expr: string;
  readonly time: number;
}

/**
 * Evaluates instant queries over given series in Prometheus' own engine.
 *
 * `promtool test rules` says what it got for every expression whose answer is not the expected one. Every expression
 * is expected to give nothing, so it says all answers but the empty ones.
 *
 * @param interval between two values of a series, as Prometheus writes it
 * @returns the answers; a question that was not among those asked fails
 * @throws KernscaleError `PROMTOOL_MISSING`, or `PROMTOOL_FAILED` with its own words, for example on bad series
 */
export async function evaluate(
  promtool: string,
  series: readonly InputSeries[],
  interval: string,
  questions: readonly Question[],
): Promise<Query> {
  const asked = new Map(questions.map((question) => [keyOf(question), question]));
  const file = {
    evaluation_interval: interval,
    tests: [
      {
        interval,
        input_series: series,
        promql_expr_test: [...asked.values()].map(({ expr, time }) => ({
          expr,
          eval_time: `${Math.round(time * 1000)}ms`,
        })),
      },
    ],
  };
  const answers = parseReport(await report(promtool, file));
  return (expr, time) => {
    const key = keyOf({ expr, time });
    const nothing: QueryResult = asked.has(key)
      ? { ok: true, samples: [] }
      : failed('query_error', `the test has no answer at ${time} s`);
    return Promise.resolve(answers.get(key) ?? nothing);
  };
}

async function report(promtool: string, file: object): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'kernscale-test-'));
  try {
    const path = join(folder, 'questions.yaml');
    await writeFile(path, stringify(file, { aliasDuplicateObjects: false }));
    return await run(promtool, ['test', 'rules', path]);
  } finally {
    await rm(folder, { recursive: true });
  }
}

function run(command: string, argv: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(command, argv, { maxBuffer: MAX_OUTPUT_BYTES }, (error, stdout, stderr) => {
      const code = errorCode(error);
      if (code === 'ENOENT' || code === 'EACCES') {
        reject(new KernscaleError('PROMTOOL_MISSING', `${command} cannot be run`, { cause: error }));
        // Exit status 1 is as expected: it is how promtool says that answers are not empty.
      } else if (error && error.code !== 1) {
        reject(new KernscaleError('PROMTOOL_FAILED', `${command} broke off`, { cause: error }));
      } else resolve(`${stdout}\n${stderr}`);
    });
  });
}

const HEADING = /^\s*(Unit Testing: .*|FAILED:|SUCCESS|name: .*|exp: ?nil)?$/;
const QUESTION = /^\s*expr: ("(?:[^"\\]|\\.)*"), time: (\w+),(?: err: (.*))?$/;
const GOT = /^\s*got: ?(.*)$/;

/** Reads what promtool says about expressions that were expected to give nothing. */
function parseReport(output: string): Map<string, QueryResult> {
  const answers = new Map<string, QueryResult>();
  let current = '';
  for (const line of output.split('\n')) {
    const question = QUESTION.exec(line);
    const got = GOT.exec(line);
    if (question) {
      const [, expr = '', time = '', error] = question;
      current = keyOf({ expr: unquote(expr), time: parseDuration(time) });
      if (error !== undefined) answers.set(current, failed('query_error', error));
    } else if (got) {
      answers.set(current, parseSamples(got[1]!));
    } else if (!HEADING.test(line)) {
      throw new KernscaleError('PROMTOOL_FAILED', line.trim());
    }
  }
  return answers;
}

const LABEL = /([\w:]+)=("(?:[^"\\]|\\.)*")/g;
const SAMPLE = /\{((?:[\w:]+="(?:[^"\\]|\\.)*"(?:, )?)*)\} ([^\s,{]+)(?:, |$)/y;

/** Reads `{a="b"} 1E+00, {a="c"} NaN`. */
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

/** Go's quoted string is JSON's but for \a, \v and \x. */
function unquote(quoted: string): string {
  const json = quoted.replace(/\\(a|v|x([0-9a-f]{2})|.)/g, (escape, kind: string, hex?: string) => {
    if (hex !== undefined) return `\\u00${hex}`;
    return { a: '\\u0007', v: '\\u000b' }[kind] ?? escape;
  });
  return JSON.parse(json) as string;
}

function keyOf({ expr, time }: Question): string {
  return `${Math.round(time * 1000)} ${expr}`;
}
