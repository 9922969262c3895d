/** Where the program begins: the command line on the main thread, the writer of the database on the other. */
if (Bun.isMainThread) {
  const { runCli } = await import('./cli/program.ts')
  await runCli(process.argv.slice(2))
} else {
  const { runWriterThread } = await import('./writer.ts')
  await runWriterThread()
}

export {}
