import { writeFile } from 'node:fs/promises';
import { JSON_SCHEMA_PATH, renderJsonSchema } from './schema.js';

await writeFile(JSON_SCHEMA_PATH, renderJsonSchema());
