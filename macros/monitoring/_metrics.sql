{#- What SQL needs to know of metrics; docs/generate_reference.py writes it from src/scorehouse/metrics.py.

    `columns`: by kind of performance table and by CTE, metrics and their columns. `lower_is_better`: a name
    that ends in `_` is the beginning of several. `watched`: by kind of table, on which side of its limit
    `sequential_monitor` raises an alert. `segments` and `contests`: what `worst_segments` and
    `compare_metric` can measure. `drift` and `exact`: the default thresholds; null: reported, but not
    judged. `undated`: what is said of a version without a known end of training. -#}
{% macro _metrics() %}
    {{ return({
        'columns': {
            'classification': {
                'ranks': {
                    'roc_auc': 'logit', 'average_precision': {'interval': 'wilson', 'n': 'n_pos'},
                    'score_ks': {'interval': 'bounded', 'error': 'sqrt(0.25e0 / n_pos + 0.25e0 / n_neg)'}
                },
                'at_threshold': {
                    'log_loss': 'loss', 'brier': 'loss', 'f1': 'f1',
                    'precision': {'interval': 'wilson', 'column': 'precision_value'}, 'recall': 'wilson',
                    'accuracy': 'wilson', 'mcc': 'correlation', 'mean_score': 'mean', 'positive_rate': 'wilson',
                    'selection_rate': 'wilson', 'false_positive_rate': 'wilson', 'bias': 'mean'
                },
                'calibration': {'ece': 'ece', 'mce': {}}, 'counts': {'tp': {}, 'fp': {}, 'fn': {}, 'tn': {}},
                'lifts': {'lift_decile_': {'column': 'lift', 'by': 'decile_text'}}
            },
            'classes': {
                'mean_areas': {'roc_auc_ovr': 'logit', 'roc_auc_ovr_weighted': 'logit', 'roc_auc_ovo': 'logit'},
                'averages': {
                    'macro_f1': 'logit', 'weighted_f1': 'logit', 'macro_precision': 'logit',
                    'macro_recall': 'logit', 'accuracy': 'wilson', 'mcc': 'correlation',
                    'cohen_kappa': 'correlation', 'balanced_accuracy': 'logit'
                },
                'losses': {'log_loss': 'loss', 'top_k_accuracy': {'interval': 'wilson', 'n': 'top_k_rows'}},
                'class_metrics': {
                    'precision_of_': {'interval': 'wilson', 'column': 'class_precision', 'by': 'class_label'},
                    'recall_of_': {'interval': 'wilson', 'column': 'class_recall', 'by': 'class_label'},
                    'f1_of_': {'interval': 'f1', 'column': 'class_f1', 'by': 'class_label'},
                    'labels_of_': {'column': 'n_labels', 'by': 'class_label'}
                },
                'areas': {'roc_auc_of_': {'interval': 'logit', 'column': 'roc_auc', 'by': 'class_label'}}
            },
            'sets': {
                'set_points': {
                    'coverage': 'wilson', 'set_size': 'mean', 'single_share': 'wilson', 'empty_share': 'wilson'
                }
            },
            'regression': {
                'explained': {
                    'mae': 'loss', 'rmse': 'root', 'mse': 'loss', 'wape': 'log', 'r2': 'rest', 'bias': 'mean',
                    'mape': {'interval': 'loss', 'n': '(n * (1e0 - zero_share))'}, 'zero_share': 'wilson',
                    'median_absolute_error': 'log', 'max_error': {}
                }
            },
            'intervals': {
                'explained': {'coverage': 'wilson', 'interval_width': {'interval': 'mean', 'n': 'n_bounded'}}
            },
            'ranking': {
                'means': {
                    'ndcg': 'mean', 'ndcg_with_hits': {'interval': 'mean', 'n': 'n_with_gain'},
                    'hit_rate': {'interval': 'wilson', 'n': 'n'}, 'mrr': 'mean', 'map': 'mean',
                    'precision_at_k': 'mean', 'recall_at_k': 'mean', 'n_queries': {}
                }
            },
            'clustering': {
                'points': {
                    'mean_distance': 'mean', 'n_clusters': {}, 'largest_share': {}, 'smallest_share': {},
                    'entropy': 'mean'
                },
                'sized': {
                    'share_of_': {'interval': 'wilson', 'n': 'n', 'column': 'share', 'by': 'cluster_label'},
                    'mean_distance_of_': {
                        'interval': 'mean', 'n': 'n_own', 'column': 'mean_score', 'by': 'cluster_label'
                    }
                }
            }
        },
        'lower_is_better': [
            'log_loss', 'brier', 'ece', 'mce', 'false_positive_rate', 'mae', 'rmse', 'mse', 'wape', 'mape',
            'median_absolute_error', 'max_error', 'interval_width', 'set_size', 'empty_share', 'mean_distance',
            'mean_distance_of_', 'rejected_share', 'estimated_mae', 'estimated_rmse', 'estimated_mse'
        ],
        'watched': {
            'performance': {
                'brier': 'above', 'accuracy': 'below', 'mean_score': 'above', 'positive_rate': 'above',
                'selection_rate': 'above', 'coverage': 'below'
            },
            'drift': {
                'missing_share': 'above', 'unseen_share': 'above', 'out_of_range_share': 'above',
                'filled_share': 'above'
            },
            'profiles': {}, 'runs': {'rejected_share': 'above'}
        },
        'segments': {
            'log_loss': ['labels'], 'excess_log_loss': ['labels'], 'brier': ['labels'],
            'error_rate': ['labels', 'share'], 'mae': ['labels', 'regression'], 'mse': ['labels', 'regression'],
            'rejected_share': ['share'], 'score_shift': []
        },
        'contests': {
            'roc_auc': ['higher'], 'log_loss': ['lower'], 'brier': ['lower'], 'accuracy': ['higher'],
            'mae': ['lower', 'regression'], 'rmse': ['lower', 'regression']
        },
        'drift': {
            'thresholds': {
                'psi': 0.1, 'js': none, 'tvd': none, 'l_inf': none, 'hellinger': none, 'chi2': none,
                'mean_shift': 0.3, 'spread_shift': 0.3, 'missing_share': 0.05, 'unseen_share': 0.01,
                'out_of_range_share': 0.01, 'filled_share': 0.01, 'extreme_value': 3, 'constant_value': 1,
                'repeated_share': 0.05, 'p_value': 0.01
            },
            'min_effects': {
                'psi': 0.02, 'js': none, 'tvd': none, 'l_inf': none, 'hellinger': none, 'chi2': none,
                'mean_shift': 0.1, 'spread_shift': 0.1, 'missing_share': 0.005, 'unseen_share': 0.002,
                'out_of_range_share': 0.002, 'filled_share': 0, 'extreme_value': none, 'constant_value': none,
                'repeated_share': 0.005
            },
            'shape': ['psi', 'js', 'tvd', 'l_inf', 'hellinger', 'chi2'],
            'moved': ['psi', 'mean_shift', 'spread_shift'],
            'learned': [
                'psi', 'mean_shift', 'spread_shift', 'missing_share', 'unseen_share', 'out_of_range_share',
                'repeated_share'
            ],
            'few_rows': ['missing_share', 'unseen_share', 'out_of_range_share', 'constant_value'],
            'fault': {
                'mean_shift': 2.5, 'spread_shift': 0.7, 'missing_share': 0, 'unseen_share': 0, 'filled_share': 0,
                'extreme_value': 0, 'constant_value': 0, 'repeated_share': 0
            },
            'outside_fault': 0.25, 'step_over': 7, 'windows': 60,
            'gross': {'unit': 8.0, 'same': 2.0, 'share': 0.67, 'fewest': 10, 'days': 30}
        },
        'exact': {'ks': 0.1, 'ks_p': none, 'wasserstein': none, 'wasserstein_normed': 0.1, 'p_value': 0.01},
        'undated': [
            'nobody recorded until when {} was trained, so rows that it learned from count as performance',
            'what to do: register it again with `trained_from` and `trained_to` in its Card, and judge it by day'
        ]
    }) }}
{% endmacro %}
