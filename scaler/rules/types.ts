import type { Rule, RuleSettings } from '../core/types.js';

/** Where something stands in a file; lines and columns count from 1. */
export interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export interface SignalQuery {
  /** PromQL whose answer is one number per `namespace`, `workload`, `workload_kind` (and `peer`, for `edges`). */
  readonly expr: string;
  /** Seconds after which a sample is too old to act on. */
  readonly maxAge: number;
}

/** Kubernetes' LabelSelector. */
export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly LabelSelectorRequirement[];
}

export interface LabelSelectorRequirement {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  readonly values?: readonly string[];
}

/** The workloads that a rule for a whole fleet is for. */
export interface WorkloadMatch {
  readonly apiVersion: string;
  readonly kind: string;
  /** Undefined: every namespace. */
  readonly namespace?: string;
  /** Empty: every workload of the kind. */
  readonly selector: LabelSelector;
}

export interface WorkloadRule extends Rule {
  readonly source: Position;
}

export interface FleetRule extends RuleSettings {
  readonly match: WorkloadMatch;
  readonly source: Position;
}

export interface RuleGroup {
  readonly name: string;
  readonly file: string;
  /** Seconds between two rounds. */
  readonly interval: number;
  readonly signals: Readonly<Record<string, SignalQuery>>;
  /** What is asked for by pod as well, where the pods are known: one number for each `pod`. */
  readonly podSignals: Readonly<Record<string, SignalQuery>>;
  readonly rules: readonly (WorkloadRule | FleetRule)[];
}

/** One thing that is wrong in a rule file. */
export interface RuleError extends Position {
  /** Stable across releases. */
  readonly code: RuleErrorCode | LintCode;
  readonly group?: string;
  readonly rule?: string;
  /** What is wrong, and what would be right. */
  readonly message: string;
}

export type RuleErrorCode =
  | 'RULE_FILE_UNREADABLE'
  | 'RULE_FILE_TOO_LARGE'
  | 'RULE_WRONG_FILE'
  | 'RULE_YAML'
  | 'RULE_DUPLICATE_KEY'
  | 'RULE_UNKNOWN_FIELD'
  | 'RULE_MISSING_FIELD'
  | 'RULE_WRONG_TYPE'
  | 'RULE_WRONG_VALUE'
  | 'RULE_OUT_OF_RANGE'
  | 'RULE_CONFLICT'
  | 'RULE_UNKNOWN_SIGNAL'
  | 'RULE_DUPLICATE_NAME'
  | 'RULE_DUPLICATE_TARGET'
  | 'RULE_PROMQL'
  | 'TEST_UNKNOWN_TARGET'
  | 'TEST_SERIES';

/** What is allowed, but hardly meant. */
export type LintCode =
  | 'LINT_UNKNOWN_METRIC'
  | 'LINT_SHORT_WINDOW'
  | 'LINT_SHORT_MAX_AGE'
  | 'LINT_NO_WORKLOAD'
  | 'LINT_UNUSED_SIGNAL'
  | 'LINT_SHADOWED_RULE';
