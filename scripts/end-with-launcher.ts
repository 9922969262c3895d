// Loaded before Berth where scripts/berth.mjs runs it: a launcher that is killed can pass no signal on, and nobody
// would know the server that it leaves behind. Its channel closes however it ends.
if (Bun.isMainThread) {
  process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'))
  process.channel?.unref()
  // Nothing else goes by this channel: Berth would take it for its supervisor's.
  delete process.send
}
