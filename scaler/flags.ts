import { readFileSync } from 'node:fs';
import type { Command, Option } from 'commander';
import { KernscaleError } from '../common/errors.js';
import {
  environmentVariable,
  flag,
  kubeconfigFlag,
  parseFlags,
  seconds,
  serviceCommand,
  serviceFlags,
  switchVariable,
  type ServiceFlags,
} from '../common/flags.js';
import type { PrometheusOptions } from './promql/client.js';
import type { ChangeLimits } from './loop/change-budget.js';
import type { AuditLogOptions } from './loop/audit-log.js';
import { matchersOf, prometheusFlags, prometheusOptions } from './promql/flags.js';

export interface ScalerFlags extends ServiceFlags {
  /** URL at which browsers reach the scaler, if that is not one of its own addresses. */
  readonly externalUrl: URL | undefined;
  /** Grafana with the dashboards of `grafana/`, which the page links to. */
  readonly grafanaUrl: URL | undefined;
  readonly rules: readonly string[];
  /** Takes rule files that are empty or cut off, compared with their last good versions. */
  readonly allowTruncated: boolean;
  /** Reads ScalingRule objects, too. */
  readonly ruleObjects: boolean;
  readonly prometheus: PrometheusOptions & {
    /** Seconds. */
    readonly queryOffset: number;
    /** Label matchers for the built-in signals. */
    readonly matchers: string | undefined;
  };
  readonly dryRun: boolean;
  /** A minute. */
  readonly maxChanges: ChangeLimits;
  readonly lease: { readonly namespace: string; readonly name: string } | undefined;
  readonly audit: AuditLogOptions | undefined;
  /** Undefined: the history of workloads is lost on a restart. */
  readonly historyFile: string | undefined;
  /** Length of the past from which what is usual is restored at the start, seconds; 0: it is not. */
  readonly restoreRange: number;
}

const SWITCHES = [
  '--audit.changes-only',
  '--config.check',
  '--dry-run',
  '--leader-elect',
  '--rules.allow-truncated',
  '--rules.objects',
];
/** Seconds in which enough quiet minutes pass to know what is usual, and the most that is worth its queries. */
const SHORTEST_RESTORE = 1200;
const LONGEST_RESTORE = 86_400;
const POD_NAMESPACE_FILE = '/var/run/secrets/kubernetes.io/serviceaccount/namespace';

/**
 * @returns undefined after printing help or the version
 * @throws KernscaleError `BAD_FLAG`
 */
export function parseScalerFlags(argv: readonly string[], version: string): ScalerFlags | undefined {
  for (const name of SWITCHES) {
    if (!switchVariable(name)) Reflect.deleteProperty(process.env, environmentVariable(name));
  }
  const options = parseFlags<Record<string, unknown>>(command(version), argv);
  if (!options) return undefined;
  return {
    ...serviceFlags(options),
    externalUrl: options['web.externalUrl'] as URL | undefined,
    grafanaUrl: options['grafana.url'] as URL | undefined,
    rules: options['rules'] as string[],
    allowTruncated: options['rules.allowTruncated'] === true,
    ruleObjects: options['rules.objects'] === true,
    prometheus: {
      ...prometheusOptions(options)!,
      queryOffset: options['prometheus.queryOffset'] as number,
      matchers: matchersOf(options),
    },
    dryRun: options['dryRun'] === true,
    maxChanges: {
      all: options['scale.maxChanges'] as number | undefined,
      perNamespace: options['scale.maxChangesPerNamespace'] as number | undefined,
    },
    lease: leaseOf(options),
    audit: auditOf(options),
    historyFile: options['history.file'] as string | undefined,
    restoreRange: restoreRangeOf(options),
  };
}

const DESCRIPTION =
  "Chooses replica counts from what each workload's threads are waiting for, and applies them.";

function command(version: string): Command {
  return serviceCommand(['kernscale-scaler', DESCRIPTION, version], ':5001', [
    ...pageFlags(),
    flag('--rules <path...>', 'Rule file, folder or pattern; repeatable', ['rules/scaling/*.yaml']),
    flag('--rules.allow-truncated', 'Take rule files that have lost their rules or their end'),
    flag('--rules.objects', 'Take rules from the ScalingRule objects of the cluster, too'),
    flag('--config.check', 'Check the rule files and exit'),
    flag('--dry-run', 'Decide and report, but change no replicas'),
    ...budgetFlags(),
    flag(
      '--leader-elect',
      'Scale only while holding a lease; required to run several replicas of the scaler',
    ),
    flag('--leader-elect.lease <name>', 'Name of the lease', 'kernscale-scaler'),
    flag('--leader-elect.namespace <namespace>', "Namespace of the lease; default: this pod's namespace"),
    kubeconfigFlag(),
    ...prometheusFlags(5, 'http://localhost:9090'),
    flag(
      '--prometheus.query-offset <duration>',
      'Age at which queries are evaluated, to allow for the delay of scrapes',
      1,
      seconds,
    ),
    flag(
      '--history.file <file>',
      'Keep the history of decisions in this file across restarts; default: in memory only',
    ),
    flag(
      '--restore.range <duration>',
      'Length of the past that Prometheus is asked for at the start to learn what is usual; 0s: none',
      3600,
      seconds,
    ),
    flag('--audit.log <file>', 'Append every decision as a line of JSON to this file; - is standard output'),
    flag('--audit.changes-only', 'Omit decisions from the audit log that repeat the previous one'),
  ]);
}

function budgetFlags(): Option[] {
  return [
    flag(
      '--scale.max-changes <number>',
      'Workloads whose replicas may change in a minute; default: any number',
      undefined,
      wholeFromOne,
    ),
    flag(
      '--scale.max-changes-per-namespace <number>',
      'Workloads of one namespace whose replicas may change in a minute; default: any number',
      undefined,
      wholeFromOne,
    ),
  ];
}

function pageFlags(): Option[] {
  return [
    flag(
      '--web.external-url <url>',
      'URL at which browsers reach the scaler through a proxy or by a name of public DNS',
      undefined,
      httpUrl,
    ),
    flag(
      '--grafana.url <url>',
      "URL of the Grafana with Kernscale's dashboards, which the page of a workload links to",
      undefined,
      httpUrl,
    ),
  ];
}

function wholeFromOne(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new KernscaleError('BAD_FLAG', `"${text}" is not a whole number from 1 on`);
}

function httpUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && /^https?:$/.test(url.protocol)) return url;
  throw new KernscaleError('BAD_FLAG', `"${text}" is not a URL; write it like https://kernscale.example.com`);
}

function leaseOf(options: Record<string, unknown>): ScalerFlags['lease'] {
  if (options['leaderElect'] !== true) return undefined;
  const namespace = (options['leaderElect.namespace'] as string | undefined) ?? podNamespace();
  if (namespace === undefined) {
    throw new KernscaleError('BAD_FLAG', 'outside a pod, --leader-elect needs --leader-elect.namespace');
  }
  return { namespace, name: options['leaderElect.lease'] as string };
}

function restoreRangeOf(options: Record<string, unknown>): number {
  const range = options['restore.range'] as number;
  if (range === 0 || (range >= SHORTEST_RESTORE && range <= LONGEST_RESTORE)) return range;
  throw new KernscaleError('BAD_FLAG', '--restore.range must be 0s, or between 20m and 24h');
}

function auditOf(options: Record<string, unknown>): ScalerFlags['audit'] {
  const file = options['audit.log'] as string | undefined;
  return file === undefined ? undefined : { file, changesOnly: options['audit.changesOnly'] === true };
}

function podNamespace(): string | undefined {
  try {
    return readFileSync(POD_NAMESPACE_FILE, 'utf8').trim();
  } catch {
    return undefined;
  }
}
