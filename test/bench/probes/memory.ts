import { kernelMemory } from '../../../native/index.js';
import type { Measure } from './bench.js';
import { figure, type Figure } from './rows.js';

/** Kilobytes that one more container may take, by the CPUs of the machine. */
const GOALS = new Map([
  [2, 8],
  [64, 16],
]);
const CONTAINERS = 1024;
const KB = 1000;

/** Computes the kernel memory of the maps from their definitions: the same on every machine and in every round. */
export class MemoryMeasure implements Measure {
  readonly name = 'memory';

  round(): Promise<void> {
    return Promise.resolve();
  }

  figures(): readonly Figure[] {
    return [...GOALS].flatMap(([cpus, atMost]) => {
      const whole = kernelMemory(cpus, CONTAINERS);
      const each = (kernelMemory(cpus, 2 * CONTAINERS) - whole) / CONTAINERS;
      return [
        figure(`kernel memory per container, ${cpus} CPUs`, 'KB', [each / KB], undefined, [
          { of: 'ours', atMost },
        ]),
        figure(`kernel memory without containers, ${cpus} CPUs`, 'KB', [(whole - CONTAINERS * each) / KB]),
      ];
    });
  }
}
