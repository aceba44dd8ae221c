import { z } from 'zod';
import { fileSchema } from './schema.js';

/** Where the schema is published in the repository, for `# yaml-language-server: $schema=`. */
export const JSON_SCHEMA_PATH = 'rules/schema.json';

/** JSON Schema (draft-7, what editors' YAML servers read) of a rule file, as it is committed. */
export function renderJsonSchema(): string {
  const schema = z.toJSONSchema(fileSchema, { target: 'draft-7', io: 'input' });
  return `${JSON.stringify({ title: 'Kernscale rule file', ...schema }, null, 2)}\n`;
}
