"""The engine `spark`: the executors score, by SQL or by kernels in Python workers."""
