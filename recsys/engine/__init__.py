"""Runs work on partitions of the data: on one machine, or on a Spark cluster."""
