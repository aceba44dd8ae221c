import { writeFile } from 'node:fs/promises';
import { JSON_SCHEMA_PATH, renderJsonSchema } from './json-schema.js';

await writeFile(JSON_SCHEMA_PATH, renderJsonSchema());
