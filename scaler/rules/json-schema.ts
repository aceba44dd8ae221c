import { z } from 'zod';
import { fileSchema } from './schema.js';

/** Path of the published schema in the repository, for `# yaml-language-server: $schema=`. */
export const JSON_SCHEMA_PATH = 'rules/schema.json';

/** Identifies the schema to editors and catalogues of schemas, whatever file holds it. */
const SCHEMA_ID = 'https://kernscale.io/schemas/rules.json';

/** Renders the JSON Schema of a rule file. Draft 7 is what the YAML servers of editors support. */
export function renderJsonSchema(): string {
  const schema = z.toJSONSchema(fileSchema, { target: 'draft-7', io: 'input' });
  return `${JSON.stringify({ $id: SCHEMA_ID, title: 'Kernscale rule file', ...schema }, null, 2)}\n`;
}
