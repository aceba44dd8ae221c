import type { Rule, RuleSettings } from '../core/types.js';
import type { RecentPart, WindowPart } from '../promql/windows.js';
import type { LabelSelector } from '../../common/label-selector.js';
import type { Position, YamlError } from '../../common/yaml/document.js';
import type { Finding, SchemaErrorCode } from './findings.js';

export interface SignalQuery {
  /** PromQL that returns one number per `namespace`, `workload`, `workload_kind` (and `peer`, for `edges`). */
  readonly expr: string;
  /** Age in seconds from which a sample is not acted on. */
  readonly maxAge: number;
  /** The part of the settled window whose rows tell it, so that `expr` is not queried. */
  readonly toldBy?: WindowPart;
  /** True where it is as old as the newest of its data, whatever the workload, which may have no pods. */
  readonly byNewest?: true;
  /** True unless the rule file has another expression for it. */
  readonly isBuiltIn: boolean;
  /** True for what the pods of the Kubernetes API tell where they are known. */
  readonly isToldByPods?: true;
}

/** A signal that a target of one rule defines. */
export interface OwnSignal extends SignalQuery {
  /** With variables, to be filled in for each workload; undefined where `expr` has the values of all workloads. */
  readonly template?: string;
}

/** What to query of the workloads in a window. */
export interface WindowQueries<Part extends WindowPart = WindowPart> {
  /** Length of the window in seconds. */
  readonly seconds: number;
  /** Age in seconds from which the window is not acted on. */
  readonly maxAge: number;
  readonly parts: Readonly<Record<Part, { readonly expr: string }>>;
}

/** Workloads that a fleet rule scales. */
export interface WorkloadMatch {
  readonly apiVersion: string;
  readonly kind: string;
  /** Undefined: every namespace. */
  readonly namespaces?: readonly string[];
  /** Labels of the Namespace object; undefined: whatever they are. */
  readonly namespaceSelector?: LabelSelector;
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
  /** Rule name → signal name → signal that the rule defines itself. */
  readonly own?: Readonly<Record<string, Readonly<Record<string, OwnSignal>>>>;
  /** Signals with one number per `pod`, queried where the pods are known. */
  readonly podSignals: Readonly<Record<string, SignalQuery>>;
  readonly windows: { readonly recent: WindowQueries<RecentPart>; readonly settled: WindowQueries };
  readonly rules: readonly (WorkloadRule | FleetRule)[];
}

/** A rule file as it was read. */
export interface RuleFile {
  readonly file: string;
  readonly text: string;
  /** Number of its rules; 0 if it has errors. */
  readonly rules: number;
}

/** Error, lint warning or note in a rule file or rule test file. */
export interface RuleError extends Position {
  /** Stable across releases. */
  readonly code: RuleErrorCode | LintCode | NoteCode;
  readonly group?: string;
  readonly rule?: string;
  /** Describes the error and how to fix it. */
  readonly message: string;
}

export type RuleFinding = Finding<RuleErrorCode | LintCode | NoteCode>;

export type RuleErrorCode =
  | `RULE_${YamlError['code']}`
  | SchemaErrorCode
  | 'RULE_FILE_UNREADABLE'
  | 'RULE_FILE_TOO_LARGE'
  | 'RULE_FILE_TRUNCATED'
  | 'RULE_WRONG_FILE'
  | 'RULE_CONFLICT'
  | 'RULE_UNKNOWN_SIGNAL'
  | 'RULE_DUPLICATE_NAME'
  | 'RULE_DUPLICATE_TARGET'
  | 'RULE_PROMQL'
  | 'TEST_UNKNOWN_TARGET'
  | 'TEST_SERIES';

/** Codes of notes: fields that mean something else than in the first release, and workloads that are paused. */
export type NoteCode = 'NOTE_CPU_TARGET' | 'NOTE_OBJECTIVE' | 'NOTE_WHEN' | 'NOTE_PAUSED';

/** Codes of warnings about likely mistakes. */
type LintCode =
  | 'LINT_NO_TARGET'
  | 'LINT_NO_MATCH'
  | 'LINT_NO_CPU_REQUEST'
  | 'LINT_OTHER_AUTOSCALER'
  | 'LINT_ANNOTATION'
  | 'LINT_UNKNOWN_METRIC'
  | 'LINT_SHORT_WINDOW'
  | 'LINT_SHORT_MAX_AGE'
  | 'LINT_PROMQL'
  | 'LINT_NO_WORKLOAD'
  | 'LINT_UNUSED_SIGNAL'
  | 'LINT_DEFAULT_VALUE'
  | 'LINT_SHADOWED_RULE'
  | 'LINT_QUERY_PER_WORKLOAD';
