"""The engine `spark`: the kernels run in the executors."""
