// A browser starts no worker from a file on disk. There, a hidden frame runs the script of the search instead.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super()
      const frame = document.createElement("iframe")
      frame.hidden = true
      document.body.appendChild(frame)
      this.inside = frame.contentWindow
      this.inside.postMessage = data => this.answered(data)
      const script = frame.contentDocument.createElement("script")
      script.src = url
      this.loaded = new Promise(done => { script.onload = done })
      frame.contentDocument.body.appendChild(script)
    }

    // What the script says; `onmessage` and listeners hear it, as of a worker.
    answered(data) {
      const message = new MessageEvent("message", {data})
      if (this.onmessage) this.onmessage(message)
      this.dispatchEvent(message)
    }

    postMessage(data) {
      this.loaded.then(() => this.inside.dispatchEvent(new MessageEvent("message", {data})))
    }
  }
}
