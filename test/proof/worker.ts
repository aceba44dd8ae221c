import { perform, type Task } from './tasks.js';

process.on('message', (task: Task) => {
  process.send!(perform(task));
});
