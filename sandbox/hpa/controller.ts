import { EMPTY_HISTORY, type History } from '../../scaler/core/round.js';
import { size, sync, TARGET, type Range, type Scene } from './hpa.js';

/** HorizontalPodAutoscalers on CPU with default behavior, one per workload, that are obeyed. */
export class Controller {
  readonly #histories = new Map<string, History>();

  /** One sync of a workload. @returns the replicas to set */
  sync(workload: string, range: Range, scene: Scene): number {
    const sizing = size(scene, { averageUtilization: TARGET }, true);
    const history = this.#histories.get(workload) ?? EMPTY_HISTORY;
    const { replicas, state } = sync(range, scene, sizing?.replicas, history);
    this.#histories.set(workload, state);
    return replicas;
  }
}
