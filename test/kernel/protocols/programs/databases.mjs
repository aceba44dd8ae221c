/*
 * Clients of PostgreSQL (simple, extended) and MariaDB (text, prepared), with port= and n=: each query takes 12 ms in the
 * server. mixed: quick queries with every fifth of 200 ms, on PostgreSQL.
 */
import mysql from 'mysql2/promise';
import pg from 'pg';
import { args, mode, run } from './truth.mjs';

const n = args.n ?? 100;

async function postgres(truth, query) {
  const client = new pg.Client({ host: '127.0.0.1', port: args.port, user: 'truth', database: 'postgres' });
  await truth.logIn(() => client.connect());
  for (let i = 0; i < n; i++) await truth.ask(() => client.query(query(i)));
}

async function mariadb(truth, query) {
  const options = { host: '127.0.0.1', port: args.port, user: 'root' };
  const client = await truth.logIn(() => mysql.createConnection(options));
  for (let i = 0; i < n; i++) await truth.ask(() => query(client));
}

const clients = {
  simple: (truth) => postgres(truth, () => 'SELECT pg_sleep(0.012)'),
  extended: (truth) =>
    postgres(truth, () => ({ name: 'slow', text: 'SELECT pg_sleep($1::float8)', values: [0.012] })),
  mixed: (truth) => postgres(truth, (i) => `SELECT pg_sleep(${i % 5 === 4 ? 0.2 : 0.002})`),
  text: (truth) => mariadb(truth, (client) => client.query('SELECT SLEEP(0.012)')),
  prepared: (truth) => mariadb(truth, (client) => client.execute('SELECT SLEEP(?)', [0.012])),
};

await run(clients[mode]);
