/**
 * Where the program begins: the command line, a child of the supervisor, or, on a thread that is not the main
 * one, the writer of the database. A child loads neither the command line nor the settings' schema, which take 8 MB.
 */
const LEAST_THREADS = 16
const C_LIBRARIES = ['libc.so.6', 'libSystem.B.dylib', 'libc.musl-x86_64.so.1', 'libc.musl-aarch64.so.1']

if (Bun.isMainThread) {
  await makeRoomForSlowFiles()
  await runCommand(process.argv.slice(2))
} else {
  const { runWriterThread } = await import('./writer.ts')
  await runWriterThread()
}

async function runCommand(args: readonly string[]): Promise<void> {
  const [command] = args
  if (command === 'worker' || command === 'writer') {
    const { runChild } = await import('./cli/child.ts')
    await runChild(command)
  } else {
    const { runCli } = await import('./cli/program.ts')
    await runCli(args)
  }
}

/**
 * Bun reads and writes files on as many threads as there are cores, so that on two cores two slow fsyncs hold
 * up all other files: with fsyncs of 100 ms, 48 small pushes by 16 clients took 13 s, and take 2.5 s with 16
 * threads. Only a variable of the C library decides that, and only until the first of these threads starts,
 * which the first import of a file of ours does: so this stands here, and setting `process.env` does nothing.
 * It costs half a millisecond and 1.7 MB; the threads start when there is work for them.
 * Who has set the variable keeps it. Where no C library of this name is found, Bun's number stays.
 */
async function makeRoomForSlowFiles(): Promise<void> {
  const { dlopen } = await import('bun:ffi')
  const threads = Math.max(LEAST_THREADS, navigator.hardwareConcurrency)
  for (const library of C_LIBRARIES) {
    try {
      const { symbols } = dlopen(library, {
        setenv: { args: ['cstring', 'cstring', 'i32'], returns: 'i32' },
      })
      symbols.setenv('UV_THREADPOOL_SIZE', String(threads), 0)
      return
    } catch {
      // This system's has another name.
    }
  }
}

export {}
