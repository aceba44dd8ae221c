#!/usr/bin/env node
import { loadKubeConfig } from '../common/kubeconfig.js';
import { createLogger } from '../common/log.js';
import { runMain, terminationSignal } from '../common/main.js';
import { packageVersion } from '../common/version.js';
import { parseScalerFlags } from './flags.js';
import { AuditLog } from './loop/audit-log.js';
import { RuleManager } from './rules/rule-manager.js';
import { Service } from './service.js';

await runMain('kernscale-scaler', async (argv) => {
  const version = packageVersion();
  const flags = parseScalerFlags(argv, version);
  if (!flags) return 0;
  const log = createLogger(flags.log);
  const book = new RuleManager(flags.rules, log);
  if (!(await book.reload())) {
    process.stderr.write(`${book.errors.join('\n')}\n`);
    return 1;
  }
  if (flags.checkOnly) {
    process.stdout.write(`The rules are good; groups: ${book.groups.length}, rules: ${book.ruleCount}.\n`);
    return 0;
  }
  const stopped = terminationSignal();
  const audit = flags.audit && new AuditLog(flags.audit, log);
  const config = loadKubeConfig(flags.kubeconfig);
  const service = new Service({ flags, config, book, version, log, ...(audit && { audit }) });
  process.on('SIGHUP', () => {
    audit?.reopen();
    void book.reload();
  });
  book.watch();
  try {
    await service.run(stopped);
  } finally {
    book.close();
  }
  return 0;
});
