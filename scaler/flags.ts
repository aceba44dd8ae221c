import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { KernscaleError } from '../common/errors.js';
import {
  commandLine,
  environmentVariable,
  flag,
  listenFlag,
  logFlags,
  parseFlags,
  seconds,
  webConfigFlag,
} from '../common/flags.js';
import type { LogOptions } from '../common/log.js';
import type { PrometheusOptions } from './promql/client.js';
import type { AuditLogOptions } from './loop/audit-log.js';
import { prometheusFlags, prometheusOptions } from './promql/flags.js';

export interface ScalerFlags {
  readonly listenAddresses: readonly string[];
  readonly webConfigFile: string | undefined;
  readonly rules: readonly string[];
  /** Only check the rule files and say what is wrong. */
  readonly checkOnly: boolean;
  readonly kubeconfig: string | undefined;
  readonly prometheus: PrometheusOptions & {
    /** Seconds. */
    readonly queryOffset: number;
  };
  readonly dryRun: boolean;
  /** Undefined: this process is the only one. */
  readonly lease: { readonly namespace: string; readonly name: string } | undefined;
  /** Undefined: none is written. */
  readonly audit: AuditLogOptions | undefined;
  /** Undefined: what is remembered about workloads ends with the process. */
  readonly historyFile: string | undefined;
  readonly log: LogOptions;
}

const SWITCHES = ['--audit.changes-only', '--config.check', '--dry-run', '--leader-elect'];
const POD_NAMESPACE_FILE = '/var/run/secrets/kubernetes.io/serviceaccount/namespace';

/**
 * @returns undefined when only help or the version was asked for
 * @throws KernscaleError `BAD_FLAG`
 */
export function parseScalerFlags(argv: readonly string[], version: string): ScalerFlags | undefined {
  for (const name of SWITCHES) honourOff(environmentVariable(name));
  const options = parseFlags<Record<string, unknown>>(command(version), argv);
  if (!options) return undefined;
  return {
    listenAddresses: options['web.listenAddress'] as string[],
    webConfigFile: options['web.config.file'] as string | undefined,
    rules: options['rules'] as string[],
    checkOnly: options['config.check'] === true,
    kubeconfig: options['kubernetes.kubeconfig'] as string | undefined,
    prometheus: {
      ...prometheusOptions(options)!,
      queryOffset: options['prometheus.queryOffset'] as number,
    },
    dryRun: options['dryRun'] === true,
    lease: leaseOf(options),
    audit: auditOf(options),
    historyFile: options['history.file'] as string | undefined,
    log: { level: options['log.level'] as string, format: options['log.format'] as string },
  };
}

function command(version: string): Command {
  const command = commandLine(
    'kernscale-scaler',
    'Decides from what threads wait for how many replicas each workload needs, and scales it.',
  ).version(version, '--version', 'Show the version');
  const options = [
    listenFlag(':5001'),
    webConfigFlag(),
    flag('--rules <path...>', 'Rule file, folder or pattern; repeatable', ['rules/scaling/*.yaml']),
    flag('--config.check', 'Check the rule files and exit'),
    flag('--dry-run', 'Decide and say so, but change nothing'),
    flag('--leader-elect', 'Scale only while holding the lease; for several replicas of this program'),
    flag('--leader-elect.lease <name>', 'The lease', 'kernscale-scaler'),
    flag('--leader-elect.namespace <namespace>', "Where the lease is; default: this pod's namespace"),
    flag('--kubernetes.kubeconfig <file>', 'Kubeconfig to use; default: service account, KUBECONFIG'),
    ...prometheusFlags(5, 'http://localhost:9090'),
    flag(
      '--prometheus.query-offset <duration>',
      'How far back queries look, for scrapes to be in',
      1,
      seconds,
    ),
    flag(
      '--history.file <file>',
      'Remember past decisions in this file, so that a restart goes on where it was; default: start anew',
    ),
    flag('--audit.log <file>', 'Append every decision as a line of JSON; - is standard output'),
    flag('--audit.changes-only', 'Leave out of the audit log what repeats the decision before'),
    ...logFlags(),
  ];
  for (const option of options) command.addOption(option);
  return command;
}

function leaseOf(options: Record<string, unknown>): ScalerFlags['lease'] {
  if (options['leaderElect'] !== true) return undefined;
  const namespace = (options['leaderElect.namespace'] as string | undefined) ?? podNamespace();
  if (namespace === undefined) {
    throw new KernscaleError('BAD_FLAG', 'outside a pod, --leader-elect needs --leader-elect.namespace');
  }
  return { namespace, name: options['leaderElect.lease'] as string };
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

/** commander takes any value of a switch's variable for "on"; `KERNSCALE_DRY_RUN=false` must mean off. */
function honourOff(variable: string): void {
  if (/^(0|false|no|off|)$/i.test(process.env[variable] ?? '')) Reflect.deleteProperty(process.env, variable);
}
