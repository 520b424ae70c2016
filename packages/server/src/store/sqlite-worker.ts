// A worker thread that owns one SQLite connection and answers statements in the order they arrive.

import { parentPort, workerData } from 'node:worker_threads'
import { packRows } from './packed-rows.ts'
import { openSqlite, type SqliteOptions } from './sqlite-connection.ts'

const connection = openSqlite(workerData as SqliteOptions)

parentPort!.on('message', ({ id, sql, parameters }) => {
  if (sql === null) {
    connection.close()
    parentPort!.close()
    return
  }
  try {
    const { rows, ...answer } = connection.run(sql, parameters)
    parentPort!.postMessage({ id, answer: { ...answer, packed: packRows(rows) } })
  } catch (error) {
    const { message, code, errcode } = error as Error & { code?: string; errcode?: number }
    parentPort!.postMessage({ id, failure: { message, code, errcode } })
  }
})
