import { request } from 'undici';
import { z } from 'zod';
import { commandLine, flag, parseFlags } from '../../common/flags.js';
import { KernscaleError } from '../../common/errors.js';
import { count, round } from '../core/format.js';
import type { DecisionRecord, Outcome } from '../loop/records.js';
import { suggestion } from '../rules/nearest.js';
import { painter, type Paint } from './paint.js';
import { tellDecision } from './story.js';
import { namesOf } from './target.js';

const TIMEOUT_MS = 10_000;

const OUTCOMES: Record<Outcome, string> = {
  unchanged: '',
  applied: 'The replicas were changed.',
  dry_run: 'The replicas were not changed: the rule is a dry run.',
  not_leader: 'The replicas were not changed: another scaler leads.',
  conflict: 'The replicas were not changed: somebody else changed them meanwhile.',
  failed: 'The replicas could not be changed.',
};

/** What tells a scaler's answer from that of anything else; its records are as this version writes them. */
const answerSchema = z.object({
  now: z.number(),
  status: z.object({ problems: z.array(z.string()) }),
  decisions: z.array(
    z.custom<DecisionRecord>(
      (record) =>
        z.object({ workload: z.string(), reason: z.string(), trace: z.object() }).safeParse(record).success,
    ),
  ),
});
type Answer = z.infer<typeof answerSchema>;

interface Flags {
  readonly json?: boolean;
  readonly 'scaler.url': string;
}

/**
 * `kernscale explain`: why a workload has the replicas it has, from the last decision of a running scaler.
 *
 * @returns exit status 0
 */
export async function explain(argv: readonly string[]): Promise<number> {
  const command = commandLine('kernscale explain', 'Explain the last decision about a workload')
    .argument('[target]', 'namespace/kind/name, or as much of its end as tells it from others')
    .option('--json', "print the decision's record in place of text")
    .addOption(flag('--scaler.url <url>', 'Address of the scaler', 'http://127.0.0.1:5001'));
  const flags = parseFlags<Flags>(command, argv);
  if (!flags) return 0;
  const [target] = command.args;
  if (target === undefined) {
    throw new KernscaleError('BAD_FLAG', 'no workload given; for example: kernscale explain shop/checkout');
  }
  const answer = await ask(flags['scaler.url']);
  const record = find(target, answer.decisions);
  const text = flags.json ? JSON.stringify(record) : tell(record, answer, painter(process.stdout)).join('\n');
  process.stdout.write(`${text}\n`);
  return 0;
}

/** @throws KernscaleError `SCALER_URL`, `SCALER_UNREACHABLE` or `SCALER_ANSWER` */
async function ask(address: string): Promise<Answer> {
  const { url, headers } = parseAddress(address);
  const { status, body } = await get(url, headers).catch((cause: unknown) => {
    throw new KernscaleError(
      'SCALER_UNREACHABLE',
      `no scaler answers at ${url.origin}; --scaler.url names it`,
      {
        cause,
      },
    );
  });
  if (status !== 200) {
    throw new KernscaleError('SCALER_ANSWER', `the scaler at ${url.origin} answered HTTP ${status}`);
  }
  const answer = answerSchema.safeParse(parseJson(body));
  if (answer.success) return answer.data;
  throw new KernscaleError('SCALER_ANSWER', `what answers at ${url.origin} is not a scaler of this version`);
}

/** `user:password@` becomes basic authentication. */
function parseAddress(address: string): { url: URL; headers: Record<string, string> } {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (!url || !['http:', 'https:'].includes(url.protocol)) {
    throw new KernscaleError(
      'SCALER_URL',
      `"${address}" is not the address of a scaler; write it like http://127.0.0.1:5001`,
    );
  }
  const credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  const authorization = `Basic ${Buffer.from(credentials).toString('base64')}`;
  const headers = url.username === '' ? {} : { authorization };
  url.username = '';
  url.password = '';
  url.pathname = `${url.pathname.replace(/\/$/, '')}/api/v1/decisions`;
  return { url, headers };
}

async function get(url: URL, headers: Record<string, string>): Promise<{ status: number; body: string }> {
  const response = await request(url, { headers, signal: AbortSignal.timeout(TIMEOUT_MS) });
  return { status: response.statusCode, body: await response.body.text() };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** @throws KernscaleError `TARGET_UNKNOWN` or `TARGET_AMBIGUOUS` */
function find(target: string, records: readonly DecisionRecord[]): DecisionRecord {
  const found = records.filter((record) => nameList(record).includes(target));
  const [only, second] = found;
  if (second) {
    const keys = found.map(({ trace }) => trace.workload).join(' and ');
    throw new KernscaleError('TARGET_AMBIGUOUS', `"${target}" may be ${keys}; say which`);
  }
  if (only) return only;
  const known = records.map(({ trace }) => trace.workload).join(', ') || 'none so far';
  const hint = suggestion(target, records.flatMap(nameList)) || `; there are decisions on ${known}`;
  throw new KernscaleError('TARGET_UNKNOWN', `no rule has decided on "${target}"${hint}`);
}

function nameList({ namespace, workloadKind: kind, workload: name }: DecisionRecord): string[] {
  return namesOf({ namespace, kind, name });
}

function tell(record: DecisionRecord, { now, status }: Answer, paint: Paint): string[] {
  const { trace, scale, group, minReplicas, maxReplicas, outcome, error } = record;
  const allowed = `${minReplicas} to ${count(maxReplicas, 'replica')}`;
  const done = [OUTCOMES[outcome], error?.message ?? ''].filter((text) => text !== '').join(' ');
  return [
    `${trace.workload}: rule "${scale}" of group "${group}", ${allowed}, decided ${round(now - record.at)} s ago`,
    ...tellDecision(record, paint),
    ...(done === '' ? [] : [paint('yellow', done)]),
    ...status.problems.map((problem) => paint('yellow', problem)),
  ];
}
