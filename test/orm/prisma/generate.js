// Makes a Prisma client for each database, in the ignored folder `generated`, unless it is there. Plain JavaScript, since
// it runs before anything is built.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('.', import.meta.url));
const require = createRequire(import.meta.url);
const prisma = require.resolve('prisma/build/index.js');
const { version } = require('prisma/package.json');
const models = readFileSync(`${folder}models.prisma`, 'utf8');

for (const provider of ['postgresql', 'sqlite']) {
  const home = `${folder}generated/${provider}`;
  const schema = schemaOf(provider);
  // It is written last, so a client that was made by halves has none.
  const made = `${home}/made-of.prisma`;
  if (existsSync(made) && readFileSync(made, 'utf8') === schema) continue;
  rmSync(home, { recursive: true, force: true });
  mkdirSync(home, { recursive: true });
  writeFileSync(`${home}/schema.prisma`, schema);
  const env = {
    ...process.env,
    // It would download an engine that is for migrations only, unless it is told of one; it does not start it.
    PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
    CHECKPOINT_DISABLE: '1',
    PRISMA_HIDE_UPDATE_MESSAGE: '1',
  };
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [prisma, 'generate', '--schema', 'schema.prisma'],
    {
      cwd: home,
      env,
      encoding: 'utf8',
    },
  );
  if (status !== 0) throw new Error(`prisma generate failed:\n${stdout}${stderr}`);
  writeFileSync(made, schema);
}

/** @param {string} provider */
function schemaOf(provider) {
  return `// Prisma ${version}
datasource db {
  provider = "${provider}"
}

generator client {
  provider               = "prisma-client"
  output                 = "./client"
  runtime                = "nodejs"
  moduleFormat           = "esm"
  generatedFileExtension = "ts"
  importFileExtension    = "ts"
}

${models}`;
}
