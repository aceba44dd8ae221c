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
