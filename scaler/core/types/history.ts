export interface Recommendation {
  readonly replicas: number;
  readonly at: number;
  /** Not measured but assumed after a gap in the data: it holds back scaling down, never up. */
  readonly assumed?: true;
}

export interface ScaleEvent {
  /** Replicas added or removed, always positive. */
  readonly change: number;
  readonly at: number;
  /** Free to be overwritten, though it still counts while a policy's period reaches back to it (as in HPA). */
  readonly outdated: boolean;
}

export interface StepState {
  /** When the conditions began to hold, if they did when last known. */
  readonly since?: number;
  /** When the step last matched by its conditions. */
  readonly lastMatch?: number;
}

/** What a rule remembers between rounds; plain JSON, so that it outlives a restart. */
export interface History {
  readonly recommendations: readonly Recommendation[];
  readonly scaleUps: readonly ScaleEvent[];
  readonly scaleDowns: readonly ScaleEvent[];
  /** Keyed by `index:bound` of the decide step. */
  readonly steps: Readonly<Record<string, StepState>>;
  /** Whether the last round lacked data that scaling down needs. */
  readonly dataGap: boolean;
}

export const EMPTY_HISTORY: History = {
  recommendations: [],
  scaleUps: [],
  scaleDowns: [],
  steps: {},
  dataGap: false,
};

/** Field by field: to copy with `...` takes V8 as long as to decide, and a replay of the past has millions of these. */
export function withRecommendations(
  { scaleUps, scaleDowns, steps, dataGap }: History,
  recommendations: History['recommendations'],
): History {
  return { recommendations, scaleUps, scaleDowns, steps, dataGap };
}

export function withSteps(
  { recommendations, scaleUps, scaleDowns, dataGap }: History,
  steps: History['steps'],
): History {
  return { recommendations, scaleUps, scaleDowns, steps, dataGap };
}
