import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeConfig } from '@kubernetes/client-node';
import { listen } from '../common/http.js';
import type { Logger } from '../common/log.js';
import { monotonic } from '../common/monotonic.js';
import { openWebConfig } from '../common/web-config.js';
import { LONGEST_INTERVAL } from './core/history.js';
import type { ScalerFlags } from './flags.js';
import { ClusterView } from './kubernetes/cluster.js';
import { EventWriter } from './kubernetes/events.js';
import { LeaderElection } from './kubernetes/leader.js';
import { fieldManagerOf, ScaleClient } from './kubernetes/scale.js';
import { ScalingRules } from './kubernetes/scaling-rules.js';
import type { AuditLog } from './loop/audit-log.js';
import { assign } from './loop/assignments.js';
import { ChangeBudget } from './loop/change-budget.js';
import { Histories, HistoryFile } from './loop/histories.js';
import { ScalerMetrics, registerState } from './loop/metrics.js';
import { recallReplicas, type PastReplicas } from './loop/recall.js';
import { DecisionRecords } from './loop/record.js';
import { RuleStatuses } from './loop/rule-statuses.js';
import type { RuleManager } from './rules/rule-manager.js';
import { checkScalingRules, loadScalingRules, ruleErrors } from './rules/scaling-rules.js';
import { Scaler } from './loop/scaler.js';
import { restoreAtStart } from './restore.js';
import { PrometheusClient, type PrometheusOptions } from './promql/client.js';
import type { Grid } from './promql/range.js';
import { ServerClock } from './promql/server-clock.js';
import { matchesOf } from './rules/matches.js';
import type { RuleGroup } from './rules/types.js';
import { createApp } from './web/app.js';
import { Board } from './web/board.js';

/** Longest wait for the first lists of the cluster; after it, rounds begin and report what is missing. */
const SYNC_PATIENCE_MS = 3000;
/** Time for running rounds to end when the service stops. */
const DRAIN_MS = 500;
/** Seconds for one query for the past, which is none of the rounds'. */
const PAST_QUERY_TIMEOUT = 30;

interface ServiceOptions {
  readonly flags: ScalerFlags;
  readonly config: KubeConfig;
  readonly ruleManager: RuleManager;
  readonly version: string;
  readonly audit?: AuditLog;
  readonly log: Logger;
}

export class Service {
  readonly #stop = new AbortController();
  readonly #board = new Board();
  readonly #records = new DecisionRecords(this.#board);
  readonly #clock: ServerClock;
  readonly #histories: Histories;
  readonly #metrics = new ScalerMetrics();
  readonly #prometheus: PrometheusClient;
  readonly #cluster: ClusterView;
  readonly #scaler: Scaler;
  /** Undefined: rules are in files only. */
  readonly #scalingRules: ScalingRules | undefined;
  readonly #statuses: RuleStatuses;
  /** Undefined: no leader election, this process always scales. */
  readonly #election: LeaderElection | undefined;
  readonly #leads = (): boolean => this.#election?.leads ?? true;
  /** Prometheus' time, seconds since the epoch. */
  readonly #now = (): number => this.#clock.now();
  #recalled: PastReplicas = new Map();
  /** Undefined: the history is lost on a restart. */
  readonly #historyFile: HistoryFile | undefined;

  constructor(private readonly options: ServiceOptions) {
    const { flags, config, log, version, audit } = options;
    this.#clock = new ServerClock(log);
    this.#histories = new Histories(this.#clock);
    this.#prometheus = this.#newClient(flags.prometheus);
    const fieldManager = fieldManagerOf(flags.lease);
    const scales = new ScaleClient(config, this.#stop.signal, fieldManager);
    this.#cluster = new ClusterView(config, log, (...kind) => scales.resourceName(...kind), fieldManager);
    if (flags.historyFile !== undefined) this.#historyFile = new HistoryFile(flags.historyFile, log);
    if (flags.ruleObjects) this.#scalingRules = this.#useObjects();
    this.#statuses = new RuleStatuses({
      write: (rule, status) => this.#scalingRules!.setStatus(rule, status),
      log,
    });
    this.#election = this.#newElection();
    this.#scaler = new Scaler({
      query: (expr, time) => this.#prometheus.query(expr, time),
      cluster: this.#cluster,
      scales,
      events: new EventWriter(config, this.#stop.signal),
      histories: this.#histories,
      records: this.#records,
      metrics: this.#metrics,
      clock: this.#now,
      queryOffset: flags.prometheus.queryOffset,
      leads: this.#leads,
      budget: new ChangeBudget(flags.maxChanges, monotonic),
      recalled: () => this.#recalled,
      ...(audit && { audit }),
      keep: () => this.#keep(),
      log,
    });
    this.#registerState(version);
  }

  #registerState(version: string): void {
    registerState(this.#metrics.registry, {
      records: this.#records,
      topology: () => this.#cluster.topology(),
      watchRestarts: () => this.#cluster.restarts,
      leads: this.#leads,
      clockSkew: () => this.#clock.skew(),
      problems: () => this.#problems(),
      version,
    });
  }

  /** Serves and scales until `stopped`. @throws KernscaleError of `listen` and `openWebConfig` */
  async run(stopped: Promise<unknown>): Promise<void> {
    const { flags, ruleManager, version, log } = this.options;
    try {
      const web = openWebConfig(flags.webConfigFile, log);
      const server = await listen(this.#app(), flags.listenAddresses, web);
      log.info({ version, urls: server.urls, prometheus: flags.prometheus.url }, 'serving');
      this.#election?.start();
      const isSynced = Promise.race([
        Promise.all([this.#cluster.whenSynced(), this.#scalingRules?.whenSynced()]),
        sleep(SYNC_PATIENCE_MS, undefined, { ref: false }),
      ]);
      await Promise.race([Promise.all([isSynced, this.#learnTime()]), stopped]);
      if (this.#scalingRules) await ruleManager.reload();
      await this.#remember();
      await Promise.race([this.#recall(), stopped]);
      ruleManager.onLoad(() => {
        this.#useRules();
      });
      this.#useRules();
      void this.#restore();
      log.info({ signal: await stopped }, 'stopping');
      await Promise.race([this.#drain(), sleep(DRAIN_MS, undefined, { ref: false })]);
      await server.close();
    } finally {
      this.#stop.abort();
      this.#cluster.stop();
      await this.#prometheus.close();
    }
  }

  #newClient(options: PrometheusOptions): PrometheusClient {
    const onQuery: PrometheusOptions['onQuery'] = (outcome, seconds) => {
      this.#metrics.queried(outcome, seconds);
    };
    return new PrometheusClient({ ...options, onQuery, clock: this.#clock });
  }

  /** Asks Prometheus for anything, so that the history and the first rounds are by its clock already; never throws. */
  async #learnTime(): Promise<void> {
    await this.#prometheus.query('vector(0)', this.#now());
  }

  async #remember(): Promise<void> {
    const interval = Math.min(
      LONGEST_INTERVAL,
      ...this.options.ruleManager.groups.map((group) => group.interval),
    );
    this.#histories.restore((await this.#historyFile?.read(this.#now(), interval)) ?? []);
  }

  /** Before the first round, which may scale; never throws. */
  async #recall(): Promise<void> {
    const { flags, ruleManager, log } = this.options;
    const { matchers } = flags.prometheus;
    const range = (expr: string, grid: Grid) => this.#prometheus.queryRange(expr, grid);
    const past = await recallReplicas(range, ruleManager.groups, this.#now(), matchers);
    if (!('ok' in past)) this.#recalled = past;
    else log.warn({ code: 'RECALL_FAILED', error: past.message }, 'recent changes of replicas are not known');
  }

  /** Runs beside the rounds, with a client of its own: they do not wait for it, nor for its queries. */
  async #restore(): Promise<void> {
    const { flags, ruleManager, log } = this.options;
    const { prometheus, restoreRange: span } = flags;
    if (span === 0) return;
    await this.#cluster.whenSynced();
    const assigned = assign(ruleManager.groups, this.#cluster.workloads());
    const client = this.#newClient({ ...prometheus, timeout: PAST_QUERY_TIMEOUT });
    const stopped = this.#stop.signal;
    stopped.addEventListener('abort', () => void client.close());
    const topology = this.#cluster.topology();
    await restoreAtStart({
      range: (expr, grid) => client.queryRange(expr, grid),
      groups: ruleManager.groups,
      resolve: (peer) => topology.resolve(peer),
      rules: new Map([...assigned].map(([key, { rule }]) => [key, rule])),
      histories: this.#histories,
      now: this.#now() - prometheus.queryOffset,
      span,
      stopped,
      clock: () => this.#clock.ticks(),
      log,
    });
    await client.close();
  }

  #newElection(): LeaderElection | undefined {
    const { flags, config, log } = this.options;
    const identity = `${hostname()}_${randomUUID()}`;
    return (
      flags.lease && new LeaderElection({ config, identity, log, abort: this.#stop.signal, ...flags.lease })
    );
  }

  #useObjects(): ScalingRules {
    const { config, log, ruleManager } = this.options;
    const objects = new ScalingRules(config, this.#stop.signal, log);
    ruleManager.use({
      get version() {
        return objects.version;
      },
      load: () => {
        const { group, errors } = loadScalingRules(objects.list());
        return { group, errors: ruleErrors(errors) };
      },
    });
    return objects;
  }

  /** Only the leader writes: the others do not see its changes and would overwrite its history. */
  async #keep(): Promise<void> {
    if (!this.#leads()) return;
    await this.#historyFile?.write(() => this.#histories.memories(), this.#now);
    if (!this.#scalingRules) return;
    const rules = this.#scalingRules.list();
    // A round does not wait for it.
    void this.#statuses.update(rules, checkScalingRules(rules).errors, this.#records.list(), this.#now());
  }

  async #drain(): Promise<void> {
    await this.#scaler.stop();
    await this.#election?.stop();
  }

  #app() {
    const { flags, ruleManager, log } = this.options;
    return createApp({
      records: this.#records,
      board: this.#board,
      dryRun: flags.dryRun,
      grafanaUrl: flags.grafanaUrl,
      ruleManager,
      assignments: () => assign(ruleManager.groups, this.#cluster.workloads()),
      registry: this.#metrics.registry,
      problems: () => this.#problems(),
      clock: this.#now,
      leads: this.#leads,
      unready: () => this.#unready(),
      externalUrl: flags.externalUrl,
      log,
    });
  }

  /** Current problems, as sentences for people. */
  #problems(): string[] {
    const single = [this.#election?.problem(), this.#historyFile?.problem()];
    return [
      ...this.options.ruleManager.problems,
      ...this.#clock.problems(),
      ...this.#cluster.problems(),
      ...(this.#scalingRules?.problems() ?? []),
      ...single.filter((problem) => problem !== undefined),
      ...this.#scaler.problems(),
    ];
  }

  #unready(): string | undefined {
    if (!this.#cluster.synced) return 'Waiting for the Kubernetes API.';
    return this.#election?.unready() ?? this.#scaler.unready();
  }

  #useRules(): void {
    const { flags, ruleManager, log } = this.options;
    const { groups, errors, ruleCount: rules } = ruleManager;
    this.#metrics.reloaded(errors.length === 0, Date.now() / 1000);
    for (const error of errors) log.error({ error }, 'invalid rules, keeping the previous ones');
    if (errors.length === 0)
      log[rules === 0 ? 'warn' : 'info']({ groups: groups.length, rules }, 'rules loaded');
    this.#cluster.match(matchesOf(groups));
    this.#scaler.use(flags.dryRun ? groups.map(asDryRun) : groups);
  }
}

function asDryRun(group: RuleGroup): RuleGroup {
  return { ...group, rules: group.rules.map((rule) => ({ ...rule, dryRun: true })) };
}
