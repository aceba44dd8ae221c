import { stateOf } from './files.js';
import { formatRuleError, loadRuleFiles, type LoadedRules } from './load.js';
import { restricted } from './restrict.js';
import { truncatedFiles } from './truncated.js';
import type { RuleError, RuleFile, RuleGroup } from './types.js';

/**
 * Interval at which the files are looked at. Unlike inotify, a look notices that a folder, or a link on the way to it, leads
 * elsewhere now, and works on network file systems.
 */
const POLL_MS = 1000;

const NO_RULES = 'The rule files have no rules: nothing is scaled.';

/** Rules that are kept elsewhere than in files. */
export interface RuleObjects {
  /** Differs once a rule has changed. */
  readonly version: string;
  /** A group of the rules without errors, and a line for each error. */
  load(): { readonly group: RuleGroup | undefined; readonly errors: readonly string[] };
}

export interface RuleManagerOptions {
  /** Takes files that are empty or cut off, compared with their last good versions. */
  readonly allowTruncated?: boolean;
  /** Label matchers for the built-in signals. */
  readonly matchers?: string | undefined;
  readonly pollMs?: number;
}

/** Loads, watches and reloads rule files. Files with errors leave the last good rules in force. */
export class RuleManager {
  /** Of the files, and of objects. */
  #fileGroups: readonly RuleGroup[] = [];
  #objectGroups: readonly RuleGroup[] = [];
  #objects: RuleObjects | undefined;
  #files: readonly RuleFile[] = [];
  #errors: readonly string[] = [];
  #objectErrors: readonly string[] = [];
  #timer: NodeJS.Timeout | undefined;
  #reloading = Promise.resolve(true);
  #listener: (() => void) | undefined;
  /** State of the files at the last look, and when they were last loaded. */
  #seen: string | undefined;
  #loaded: string | undefined;

  /** @param paths as `loadRuleFiles` takes them */
  constructor(
    private readonly paths: readonly string[],
    private readonly options: RuleManagerOptions = {},
  ) {}

  /** Sets the listener to call after every attempt to load. */
  onLoad(listener: () => void): void {
    this.#listener = listener;
  }

  /** Takes rules from objects, too; an object with errors costs itself only. */
  use(objects: RuleObjects): void {
    this.#objects = objects;
  }

  /** Those of files come first: of two rules for one workload, the first scales it. */
  get groups(): readonly RuleGroup[] {
    return [...this.#fileGroups, ...this.#objectGroups];
  }

  get ruleCount(): number {
    return this.groups.reduce((sum, { rules }) => sum + rules.length, 0);
  }

  /** Errors of the last attempt, as `file:line:column: …`. */
  get errors(): readonly string[] {
    return this.#errors;
  }

  /** What keeps workloads from being scaled as the files say. */
  get problems(): readonly string[] {
    const errors = [...this.#errors, ...this.#objectErrors];
    return this.ruleCount === 0 ? [...errors, NO_RULES] : errors;
  }

  /** Reloads the files, one attempt at a time. Resolves to true if they have no errors. */
  reload(): Promise<boolean> {
    return (this.#reloading = this.#reloading.then(() => this.#load()));
  }

  /** Starts to reload when what the paths name changes. */
  watch(): void {
    this.#timer = setTimeout(() => {
      void this.#look().finally(() => {
        if (this.#timer) this.watch();
      });
    }, this.options.pollMs ?? POLL_MS);
    this.#timer.unref();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Reloads files that differ from those loaded, once two looks have found the same: their writer has finished. */
  async #look(): Promise<void> {
    const state = await this.#state();
    const isSettled = state === this.#seen;
    this.#seen = state;
    if (isSettled && state !== this.#loaded) await this.reload();
  }

  async #load(): Promise<boolean> {
    // Before the files are read: what changes meanwhile is another state.
    this.#loaded = await this.#state();
    const loaded = await loadRuleFiles(this.paths);
    const errors = this.#errorsOf(loaded);
    this.#errors = errors.map(formatRuleError);
    if (errors.length === 0) {
      this.#fileGroups = loaded.groups.map((group) => this.#restricted(group));
      this.#files = loaded.files;
    }
    this.#loadObjects();
    this.#listener?.();
    return errors.length === 0;
  }

  #loadObjects(): void {
    const { group, errors } = this.#objects?.load() ?? { group: undefined, errors: [] };
    this.#objectGroups = group ? [this.#restricted(group)] : [];
    this.#objectErrors = errors;
  }

  #restricted(group: RuleGroup): RuleGroup {
    return restricted(group, this.options.matchers);
  }

  async #state(): Promise<string> {
    return `${this.#objects?.version ?? ''}\n${await stateOf(this.paths)}`;
  }

  #errorsOf({ errors, files }: LoadedRules): readonly RuleError[] {
    if (errors.length > 0 || this.options.allowTruncated) return errors;
    return truncatedFiles(this.#files, files);
  }
}
