import { isCountable, parseQuantity } from '../../common/quantity.js';

/** A sentence about a rule, for its comment. */
export interface Note {
  readonly text: string;
  /** What to write into the rule once it is completed, on one line. */
  readonly sketch?: string;
  /** True for what the autoscaler does and the rule does not. */
  readonly lost: boolean;
}

export interface TargetDraft {
  readonly signal: string;
  readonly container?: string;
  readonly expr?: string;
  readonly averageUtilization?: number;
  readonly averageValue?: Quantity;
  readonly value?: Quantity;
}

/** As written: `500m`, or a number. */
export type Quantity = string | number;

/** The parts of a rule that autoscalers have, by the names of rule files. */
export interface RuleDraft {
  readonly scale: string;
  readonly scaleTargetRef: {
    readonly apiVersion?: string;
    readonly kind: string;
    readonly namespace: string;
    readonly name: string;
  };
  readonly minReplicas: number;
  readonly maxReplicas: number;
  readonly targets: readonly TargetDraft[];
  readonly schedules?: readonly Readonly<Record<string, string | number>>[];
  readonly fallback?: { readonly after: string; readonly replicas: number };
  readonly idle?: {
    readonly after: string;
    readonly replicas: number;
    readonly activation: { readonly expr: string; readonly above: number };
  };
  readonly behavior?: unknown;
}

/** What one autoscaler becomes. */
export interface Translation {
  /** Undefined where no rule can stand for it. */
  readonly rule?: RuleDraft;
  readonly notes: readonly Note[];
}

export function remark(text: string): Note {
  return { text, lost: false };
}

export function noEqual(text: string, sketch?: string): Note {
  return { text, lost: true, ...(sketch !== undefined && { sketch: sketch.replace(/\s+/g, ' ') }) };
}

/** A part of a rule, or what to say where there is none. */
export type Part<T> = { readonly found: T } | { readonly missing: Note };

/** The amount of a target, if a rule can have it: at least 0.001. */
export function amountOf(value: unknown): Quantity | undefined {
  if (typeof value !== 'string' && typeof value !== 'number') return undefined;
  try {
    const amount = parseQuantity(value);
    return isCountable(amount) && amount >= 0.001 ? value : undefined;
  } catch {
    return undefined;
  }
}

const BUILT_IN_KINDS = ['Deployment', 'StatefulSet'];

/** The reference of a rule; kinds of apps/v1 need no version, and older manifests name one that is gone. */
export function referenceOf(
  namespace: string,
  target: { readonly apiVersion: string | undefined; readonly kind: string; readonly name: string },
): RuleDraft['scaleTargetRef'] {
  const { apiVersion, kind, name } = target;
  const needsVersion = !BUILT_IN_KINDS.includes(kind) && apiVersion !== undefined;
  return { ...(needsVersion && { apiVersion }), kind, namespace, name };
}
