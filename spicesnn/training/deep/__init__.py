"""Deep networks of LIF neurons on crossbars: learnt in software with surrogate gradients, mapped
onto devices, tuned in situ."""
