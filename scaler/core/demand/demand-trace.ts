/** What the workload would use if it were short of nothing, and where the figure comes from. */
export interface DemandTrace {
  /**
   * `law`: requests that arrive × CPU time each. `flow`: the same with the arrivals that its callers' arrivals cause.
   * `clients`: the same with what waiting clients would ask for. `usage`: CPU used. `step`: CPU used, and one bounded
   * step because pods are saturated.
   */
  readonly method: 'law' | 'flow' | 'clients' | 'usage' | 'step';
  /** Cores. */
  readonly cores: number;
  /** A low confidence orders at most one doubling and no shrinking. */
  readonly confidence: 'high' | 'low';
  /** Why the confidence is low, a clause. */
  readonly doubt?: string | undefined;
  /** Requests per second. */
  readonly arrived?: number | undefined;
  readonly answered?: number | undefined;
  readonly abandoned?: number | undefined;
  /** Requests per second that it is sized for: arrivals, those that flow down to it, or those before clients gave up. */
  readonly load?: number | undefined;
  /** `clients`: how many there are, those that wait for an answer and those that think. */
  readonly clients?: number | undefined;
  /** CPU seconds per request: now, usual, and the one that sizes. */
  readonly cost?:
    | {
        readonly now: number;
        readonly usual?: number | undefined;
        readonly sized: number;
        /** Whether saturated pods show that requests have become dearer; undefined where pods do not tell. */
        readonly isDearer?: boolean | undefined;
      }
    | undefined;
  /** Cores that clear the requests that wait, part of `cores`. */
  readonly backlog?: number | undefined;
  /** Cores that threads use that serve no request, part of `cores`. */
  readonly beside?: number | undefined;
  /** Cores that a pod gets, where that is less than its request. */
  readonly perPod?: number | undefined;
  /** Sizing by threads, where it calls for more than the CPU. */
  readonly threads?:
    { readonly busy: number; readonly perPod: number; readonly replicas: number } | undefined;
}
